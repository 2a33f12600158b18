//! The device's store in IndexedDB: rexie opens, upgrades and reads; a writer of our own commits.
//!
//! Keys and values are texts under keys of their own (no key path). A database is never recreated under a live session and
//! never opened as empty because it could not be read.

mod open;
mod read;
mod write;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use self::open::{Age, Connection};
use self::write::Plan;
use super::js::detach;
use crate::error::StoreError;
use crate::seam::{Row, Store, Table, Write};

/// The version of the database's layout. It begins at 10, so that an older layout can exist in a test.
pub const VERSION: u32 = open::VERSION;

/// A store in the IndexedDB database of one name. Dropping it, or [`Store::close`], lets go of the database.
///
/// When the browser closes the connection (another tab upgrades, the process of the database dies), the next call opens
/// it again and is tried once more; a commit that had come through is recognised by its head, so heads must be unique.
pub struct IdbStore {
    shared: Rc<Shared>,
}

type Work = LocalBoxFuture<'static, Result<Vec<Row>, StoreError>>;

struct Shared {
    name: String,
    connection: RefCell<Option<Rc<Connection>>>,
    closed: Cell<bool>,
}

impl IdbStore {
    /// Opens the database, and makes or upgrades it where needed. Settles within 5 s when another tab blocks an
    /// upgrade, and within 10 s when the browser does not answer.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a database of a later layout, [`StoreError::Blocked`] when another tab does not let go of
    /// an older one or the browser does not answer, [`StoreError::Damaged`] when the browser cannot read it, [`StoreError::Full`], and
    /// [`StoreError::Failed`] where there is no IndexedDB. None of them changes what is stored.
    pub async fn open(name: &str) -> Result<IdbStore, StoreError> {
        let store = IdbStore {
            shared: Rc::new(Shared {
                name: name.to_owned(),
                connection: RefCell::default(),
                closed: Cell::new(false),
            }),
        };
        let shared = Rc::clone(&store.shared);
        let open = async move {
            let connection = open::connect(&shared.name, Age::New).await?;
            shared.connection.replace(Some(Rc::new(connection)));
            Ok(Vec::new())
        };
        finished(Box::pin(open)).await?;
        Ok(store)
    }

    /// Runs `job` to its end, on a new connection once more when the old one fails.
    async fn run(&self, job: Job) -> Result<Vec<Row>, StoreError> {
        let shared = Rc::clone(&self.shared);
        finished(Box::pin(async move {
            let mut tried = false;
            loop {
                let connection = shared.connection().await?;
                match job.run(&connection).await {
                    Err(StoreError::Failed(_)) if !tried && !shared.closed.get() => {
                        tried = true;
                        shared.forget(&connection);
                    }
                    answer => return answer,
                }
            }
        }))
        .await
    }
}

/// What can be asked of a connection. All of it is answered in rows, so that one path serves all.
enum Job {
    Load,
    Read(Vec<(Table, String)>),
    Scan { table: Table, from: String, to: String, limit: u32 },
    Commit(Rc<Plan>),
}

impl Job {
    async fn run(&self, connection: &Connection) -> Result<Vec<Row>, StoreError> {
        match self {
            Job::Load => read::load(connection.reader()?).await,
            Job::Read(wanted) => read::read(connection.reader()?, wanted).await,
            Job::Scan { table, from, to, limit } => {
                read::scan(connection.reader()?, *table, from, to, *limit).await
            }
            Job::Commit(plan) => {
                write::commit(connection.writer(), Rc::clone(plan)).await.map(|()| Vec::new())
            }
        }
    }
}

impl Shared {
    /// The connection in use, or a new one when the browser has closed it.
    async fn connection(&self) -> Result<Rc<Connection>, StoreError> {
        self.ensure_open()?;
        let current = self.connection.borrow().clone();
        if let Some(connection) = current.filter(|connection| connection.is_alive()) {
            return Ok(connection);
        }
        let connection = Rc::new(open::connect(&self.name, Age::Known).await?);
        self.ensure_open()?;
        self.connection.replace(Some(Rc::clone(&connection)));
        Ok(connection)
    }

    fn forget(&self, failed: &Rc<Connection>) {
        let mut current = self.connection.borrow_mut();
        if current.as_ref().is_some_and(|connection| Rc::ptr_eq(connection, failed)) {
            *current = None;
        }
    }

    fn ensure_open(&self) -> Result<(), StoreError> {
        if self.closed.get() { Err(failed("the store is closed")) } else { Ok(()) }
    }
}

impl Store for IdbStore {
    async fn load(&self) -> Result<Vec<Row>, StoreError> {
        self.run(Job::Load).await
    }

    async fn read(&self, wanted: &[(Table, String)]) -> Result<Vec<Option<String>>, StoreError> {
        let rows = self.run(Job::Read(wanted.to_vec())).await?;
        Ok(rows.into_iter().map(|row| row.value).collect())
    }

    async fn scan(
        &self,
        table: Table,
        from: &str,
        to: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.run(Job::Scan { table, from: from.to_owned(), to: to.to_owned(), limit }).await?;
        Ok(rows.into_iter().map(|row| (row.key, row.value.unwrap_or_default())).collect())
    }

    async fn commit(&self, write: &Write) -> Result<(), StoreError> {
        self.run(Job::Commit(Rc::new(Plan::new(write)))).await.map(drop)
    }

    fn close(&self) {
        self.shared.closed.set(true);
        self.shared.connection.replace(None);
    }
}

/// The answer of work that runs to its end by itself. It stays away only when the whole module has stopped.
async fn finished(work: Work) -> Result<Vec<Row>, StoreError> {
    detach(work).await.unwrap_or_else(|_| Err(failed("the storage task stopped")))
}

fn failed(why: &str) -> StoreError {
    StoreError::Failed(why.to_owned())
}
