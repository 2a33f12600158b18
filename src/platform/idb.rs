//! The device's store in IndexedDB: rexie opens, upgrades and reads; a writer of our own commits.
//!
//! Keys and values are texts under keys of their own (no key path). A database is never recreated under a live session and
//! never opened as empty because it could not be read.

mod open;
mod read;
mod write;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;

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
        let name = name.to_owned();
        finished(detach(async move {
            let connection = open::connect(&name, Age::New).await?;
            let connection = RefCell::new(Some(Rc::new(connection)));
            Ok(IdbStore { shared: Rc::new(Shared { name, connection, closed: Cell::new(false) }) })
        }))
        .await
    }

    /// Runs `work` to its end, on a new connection once more when the old one fails.
    async fn run<T, F>(&self, work: impl Fn(Rc<Connection>) -> F + 'static) -> Result<T, StoreError>
    where
        T: 'static,
        F: Future<Output = Result<T, StoreError>>,
    {
        let shared = Rc::clone(&self.shared);
        finished(detach(async move {
            let connection = shared.connection().await?;
            match work(Rc::clone(&connection)).await {
                Err(StoreError::Failed(_)) if !shared.closed.get() => {
                    shared.forget(&connection);
                    work(shared.connection().await?).await
                }
                answer => answer,
            }
        }))
        .await
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
        self.run(|connection| async move { read::load(connection.reader()?).await }).await
    }

    async fn read(&self, wanted: &[(Table, String)]) -> Result<Vec<Option<String>>, StoreError> {
        let wanted: Rc<[(Table, String)]> = wanted.into();
        self.run(move |connection| {
            let wanted = Rc::clone(&wanted);
            async move { read::read(connection.reader()?, &wanted).await }
        })
        .await
    }

    async fn scan(
        &self,
        table: Table,
        from: &str,
        to: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let range: Rc<(String, String)> = Rc::new((from.to_owned(), to.to_owned()));
        self.run(move |connection| {
            let range = Rc::clone(&range);
            async move { read::scan(connection.reader()?, table, &range.0, &range.1, limit).await }
        })
        .await
    }

    async fn commit(&self, write: &Write) -> Result<(), StoreError> {
        let plan = Rc::new(Plan::new(write));
        self.run(move |connection| {
            let plan = Rc::clone(&plan);
            async move { write::commit(connection.writer(), plan).await }
        })
        .await
    }

    fn close(&self) {
        self.shared.closed.set(true);
        self.shared.connection.replace(None);
    }
}

/// The answer of detached work. It stays away only when the whole module has stopped.
async fn finished<T>(
    answer: futures_channel::oneshot::Receiver<Result<T, StoreError>>,
) -> Result<T, StoreError> {
    answer.await.unwrap_or_else(|_| Err(failed("the storage task stopped")))
}

fn failed(why: &str) -> StoreError {
    StoreError::Failed(why.to_owned())
}
