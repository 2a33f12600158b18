//! A server of its own for each test, with a clock that the test sets.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keyflow_server::config::{Clock, Rate};
use keyflow_server::{Config, Server, serve};
use tempfile::TempDir;

use crate::clients::Device;

/// What the server's clock reads when a test begins.
pub const START: i64 = 1_800_000_000_000;

pub struct Cloud {
    pub url: String,
    pub now: Arc<AtomicI64>,
    folder: TempDir,
    server: Option<Server>,
}

impl Cloud {
    pub async fn start() -> Cloud {
        Cloud::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Cloud {
        let (folder, now) = (TempDir::new().unwrap(), Arc::new(AtomicI64::new(START)));
        let mut cloud = Cloud { url: String::new(), now, folder, server: None };
        cloud.run(change).await;
        cloud
    }

    async fn run(&mut self, change: impl FnOnce(&mut Config)) {
        let now = self.now.clone();
        let mut config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            database: format!("sqlite:{}", self.file().display()),
            rate_limit: Rate::Off,
            clock: Clock::new(move || now.load(Ordering::SeqCst)),
            ..Config::default()
        };
        change(&mut config);
        let (address, server) = serve(config).await.unwrap();
        (self.url, self.server) = (format!("http://{address}"), Some(server));
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("keyflow.db")
    }

    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Stops, puts the file `backup` in place of the database, and starts again at another address.
    pub async fn restore(&mut self, backup: &std::path::Path) {
        self.stop().await;
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", self.file().display()));
        }
        std::fs::copy(backup, self.file()).unwrap();
        self.run(|_| {}).await;
    }

    /// A copy of the database as it is now.
    pub async fn backup(&self, name: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        let database = self.database().await;
        database.backup(&file).await.unwrap();
        database.close().await;
        file
    }

    /// Every promise that can be checked on the database holds.
    pub async fn check(&self) {
        let database = self.database().await;
        assert_eq!(database.check().await.unwrap().violations, Vec::<String>::new());
        database.close().await;
    }

    async fn database(&self) -> Arc<dyn keyflow_server::store::Database> {
        keyflow_server::store::open_existing(&format!("sqlite:{}", self.file().display())).await.unwrap()
    }

    /// Lets `ms` pass.
    pub fn pass(&self, ms: i64) -> i64 {
        self.now.fetch_add(ms, Ordering::SeqCst) + ms
    }

    /// The first device of a new user.
    pub async fn device(&self) -> Device {
        Device::register(&self.url).await
    }
}
