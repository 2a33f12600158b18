//! A server on a file of its own, and devices whose network and clock the test holds.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use keyflow_server::config::Rate;
use keyflow_server::{Config, Server, serve};
use keyflow_sync::driver::{Driver, Setup};
use keyflow_sync::model::{Fields, Strategy};
use keyflow_sync::plan::Rules;
use keyflow_sync::platform::memory::MemoryStore;
use keyflow_sync::schedule::Options;
use keyflow_sync::seam::{Heard, Host, Now, Request, Response, Transport};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::LocalSet;
use uuid::Uuid;

/// What lies between a device and the server.
#[derive(Clone, Default)]
pub struct Wire {
    /// No request leaves.
    pub cut: Rc<Cell<bool>>,
    /// This many requests arrive, and their answers are lost.
    pub lose_replies: Rc<Cell<u32>>,
    /// Every request that left, as `METHOD path`.
    pub log: Rc<RefCell<Vec<String>>>,
}

#[derive(Clone)]
pub struct HttpTransport {
    url: Rc<RefCell<String>>,
    wire: Wire,
    client: reqwest::Client,
}

impl Transport for HttpTransport {
    async fn send(&self, request: &Request) -> Result<Response, String> {
        if self.wire.cut.get() {
            return Err("the network is cut".into());
        }
        self.wire.log.borrow_mut().push(format!("{} {}", request.method, request.path));
        let method = request.method.parse().unwrap();
        let url = format!("{}{}", self.url.borrow(), request.path);
        let mut builder = self.client.request(method, url);
        if let Some(token) = &request.token {
            builder = builder.bearer_auth(token);
        }
        if let Some(body) = &request.body {
            builder = builder.header("content-type", "application/json").body(body.clone());
        }
        let deadline = Duration::from_millis(request.deadline as u64);
        let answer = builder.timeout(deadline).send().await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let header =
            answer.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = answer.text().await.map_err(|error| error.to_string())?;
        if self.wire.lose_replies.get() > 0 {
            self.wire.lose_replies.set(self.wire.lose_replies.get() - 1);
            return Err("the answer was lost".into());
        }
        Ok(Response { status, retry_after: header, body })
    }
}

pub struct TestHost {
    start: Instant,
    /// Added to the wall clock, ms.
    pub skew: Rc<Cell<i64>>,
    listener: RefCell<Option<Listener>>,
}

type Listener = Box<dyn Fn(Heard)>;

#[allow(clippy::disallowed_methods, reason = "this is the platform of the test")]
impl TestHost {
    fn new(skew: Rc<Cell<i64>>) -> TestHost {
        TestHost { start: Instant::now(), skew, listener: RefCell::default() }
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the platform of the test")]
impl Host for TestHost {
    type Guard = ();

    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        Now { wall: wall + self.skew.get(), mono: self.start.elapsed().as_millis() as i64 }
    }

    fn sleep_until(&self, mono: i64) -> impl Future<Output = ()> {
        tokio::time::sleep_until((self.start + Duration::from_millis(mono.max(0) as u64)).into())
    }

    fn random(&self) -> u128 {
        Uuid::new_v4().as_u128()
    }

    async fn round(&self, _steal: bool) -> Option<()> {
        Some(())
    }

    fn listen(&self, listener: Listener) {
        *self.listener.borrow_mut() = Some(listener);
    }

    fn announce(&self) {}
}

pub type TestDriver = Driver<MemoryStore, HttpTransport, TestHost>;

/// One device: its store outlives its process.
pub struct Device {
    pub driver: Rc<TestDriver>,
    pub store: MemoryStore,
    pub wire: Wire,
    pub skew: Rc<Cell<i64>>,
    pub rules: Rules,
    url: Rc<RefCell<String>>,
}

pub struct World {
    pub url: Rc<RefCell<String>>,
    folder: TempDir,
    server: RefCell<Option<Server>>,
}

/// Runs a test in a world of its own, on one thread, as the core wants it.
pub fn run<F: Future<Output = ()>>(test: impl FnOnce(Rc<World>) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async {
        let world = Rc::new(World {
            url: Rc::default(),
            folder: TempDir::new().unwrap(),
            server: RefCell::new(None),
        });
        world.start().await;
        test(world.clone()).await;
        world.check().await;
    }));
}

impl World {
    fn database(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("keyflow.db").display())
    }

    pub async fn start(&self) {
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = Config { listen, database: self.database(), rate_limit: Rate::Off, ..Config::default() };
        let (address, server) = serve(config).await.unwrap();
        *self.url.borrow_mut() = format!("http://{address}");
        *self.server.borrow_mut() = Some(server);
    }

    pub async fn stop(&self) {
        let server = self.server.borrow_mut().take();
        if let Some(server) = server {
            server.stop().await;
        }
    }

    /// What the server holds keeps every promise.
    async fn check(&self) {
        self.stop().await;
        let database = keyflow_server::store::open(&self.database(), 1).await.unwrap();
        assert_eq!(database.check().await.unwrap().violations, Vec::<String>::new());
        database.close().await;
    }

    pub async fn device(&self) -> Device {
        self.device_with(Strategy::LastWriteWins).await
    }

    pub async fn device_with(&self, strategy: Strategy) -> Device {
        // Rounds begin only when a test asks for one.
        let quiet = 3_600_000;
        let options = Options {
            debounce_ms: quiet,
            poll_ms: quiet,
            settle_ms: quiet,
            backoff_first_ms: quiet,
            backoff_max_ms: quiet,
            round_gap_ms: 0,
            ..Options::default()
        };
        let rules = Rules { options, strategy };
        let (store, wire, skew) = (MemoryStore::new(), Wire::default(), Rc::new(Cell::new(0)));
        let driver = open(&store, &wire, &skew, &rules, &self.url).await;
        Device { driver, store, wire, skew, rules, url: self.url.clone() }
    }

    /// A device of the user of `other`.
    pub async fn sibling(&self, other: &Device) -> Device {
        let device = self.device_with(other.rules.strategy).await;
        device.driver.link(&other.driver.link_code().await.unwrap().code).await.unwrap();
        device.sync().await;
        device
    }
}

async fn open(
    store: &MemoryStore,
    wire: &Wire,
    skew: &Rc<Cell<i64>>,
    rules: &Rules,
    url: &Rc<RefCell<String>>,
) -> Rc<TestDriver> {
    let transport = HttpTransport { url: url.clone(), wire: wire.clone(), client: reqwest::Client::new() };
    let setup = Setup { rules: rules.clone(), online: true, ..Setup::default() };
    let driver =
        Driver::open(store.clone(), Some(transport), TestHost::new(skew.clone()), setup).await.unwrap();
    tokio::task::spawn_local(driver.clone().run());
    driver
}

impl Device {
    /// The process ends without a word; another one opens the same store.
    pub async fn restart(&mut self) {
        self.driver.close();
        self.driver = open(&self.store, &self.wire, &self.skew, &self.rules, &self.url).await;
    }

    /// Another tab on the same store.
    pub async fn tab(&self) -> Device {
        let driver = open(&self.store, &self.wire, &self.skew, &self.rules, &self.url).await;
        let (wire, skew) = (self.wire.clone(), self.skew.clone());
        Device {
            driver,
            store: self.store.clone(),
            wire,
            skew,
            rules: self.rules.clone(),
            url: self.url.clone(),
        }
    }

    pub async fn sync(&self) -> keyflow_sync::engine::Report {
        self.driver.sync().await.unwrap()
    }

    pub async fn save(&self, id: &str, wpm: u32) -> Value {
        self.driver.save(id, session(wpm), false).await.unwrap()
    }

    pub async fn update(&self, id: &str, patch: Value) -> Value {
        self.driver.update(id, fields(patch)).await.unwrap()
    }

    pub async fn get(&self, id: &str) -> Value {
        self.driver.get(id).await.unwrap().expect("the session is there")
    }

    pub fn ids(&self) -> Vec<String> {
        let list = self.driver.list(1_000, None).unwrap();
        let mut ids: Vec<_> = list.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    }
}

pub fn fields(value: Value) -> Fields {
    value.as_object().unwrap().clone()
}

pub fn session(wpm: u32) -> Fields {
    fields(
        json!({"text": "The quick brown fox", "wpm": wpm, "accuracy": 96.5, "timestamp": 1_704_067_200_000_i64}),
    )
}

/// A request to the server as any client would make it.
pub async fn ask(device: &Device, path: &str) -> Value {
    let export = device.driver.account().unwrap();
    let url = format!("{}{path}", device.url.borrow());
    reqwest::Client::new().get(url).bearer_auth(export.token).send().await.unwrap().json().await.unwrap()
}
