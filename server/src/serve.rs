//! The loop that accepts connections, and its end. A connection that sends its header too slowly is closed.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::address::Peer;
use crate::app::{App, router};
use crate::config::Config;
use crate::events::Events;
use crate::limits::Limits;
use crate::store::{self, StoreError};

/// Why the server did not start.
#[derive(Debug)]
pub enum StartError {
    /// The database could not be opened.
    Store(StoreError),
    /// The address could not be listened on.
    Listen(SocketAddr, io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Store(error) => error.fmt(f),
            StartError::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A running server. Dropped without [`Server::stop`], it goes on until its runtime ends.
pub struct Server {
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Server {
    /// Stops accepting, lets running requests finish, closes the database. Resolves when all that is done.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // The task only ends early by a panic, and then there is nothing left to wait for.
        let _ = self.running.await;
    }
}

/// Starts a server: opens the database, brings its schema up to date, listens. Port 0 picks a free one.
///
/// Resolves with the address it listens on. Needs a Tokio runtime with time and I/O.
pub async fn serve(config: Config) -> Result<(SocketAddr, Server), StartError> {
    let store = store::open(&config.database, config.read_connections).await.map_err(StartError::Store)?;
    let refused = |error| StartError::Listen(config.listen, error);
    let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let limits = Arc::new(Limits::new(&config));
    let app = App { config: Arc::new(config), store, events: Arc::new(Events::default()), limits };
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(run(listener, app, stopped));
    Ok((address, Server { stop, running }))
}

async fn run(listener: TcpListener, app: App, mut stopped: watch::Receiver<bool>) {
    let routes = router(app.clone());
    let places = Arc::new(Semaphore::new(app.config.max_connections));
    let connections = GracefulShutdown::new();
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (stream, peer, place) = tokio::select! {
            (accepted, place) = accepted => match (accepted, place) {
                (Ok((stream, peer)), Ok(place)) => (stream, peer, place),
                (Err(error), _) => {
                    // Out of file descriptors, mostly: connections that end make room again.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
                (_, Err(_)) => break,
            },
            _ = stopped.changed() => break,
        };
        let connection = connections.watch(connection(stream, peer, routes.clone(), &app.config));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    app.events.hang_up_all();
    let patience = Duration::from_secs(app.config.request_seconds);
    if tokio::time::timeout(patience, connections.shutdown()).await.is_err() {
        tracing::warn!("some connections were still busy");
    }
    app.store.close().await;
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    routes: Router,
    config: &Config,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send + use<> {
    // Small replies must not wait for a packet to fill up; without it they are only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        routes.clone().oneshot(request.map(Body::new))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(config.header_seconds))
        .serve_connection(TokioIo::new(stream), service)
}
