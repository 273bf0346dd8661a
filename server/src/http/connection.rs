//! Connections: how many, how patiently, and how they end.
//!
//! HTTP/1.1 only, which every client speaks and WebSockets need. A client that sends its request slowly, or none, is let
//! go, so that nobody can hold all places without doing anything.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::router::router;
use super::state::HttpState;

/// Serves the interface until `state.closing` is cancelled; then finishes what is under way, for a few seconds at most.
pub async fn serve(listener: TcpListener, state: HttpState) {
    let closing = state.closing.clone();
    let router = router(state);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        // A place first: who comes when all are taken waits in the machine's own short queue.
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = closing.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, closing) = (router.clone(), closing.clone());
                connections.spawn(async move {
                    connection(stream, router, closing).await;
                    drop(place);
                });
            }
            Err(error) => {
                pause_after(&error).await;
            }
        }
    }
    connections.close();
    if timeout(CLOSE_WAIT, connections.wait()).await.is_err() {
        debug!(left = connections.len(), "HTTP connections did not end in time");
    }
}

async fn connection(stream: TcpStream, router: Router, closing: CancellationToken) {
    let service = TowerToHyperService::new(router);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WAIT)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut served = pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = closing.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        debug!(%error, "An HTTP connection broke off");
    }
}

/// One lost connection is nothing; no more file descriptors is something that passes.
async fn pause_after(error: &io::Error) {
    let about_one = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
    );
    if !about_one {
        warn!(%error, "HTTP connections cannot be accepted");
        sleep(ACCEPT_PAUSE).await;
    }
}

/// Connections at once; WebSockets leave this count and have their own.
const CONNECTIONS_MAX: usize = 512;
/// How long a client may take to send the head of a request, or to send none.
const HEADER_WAIT: Duration = Duration::from_secs(30);
/// Headers of one request.
const HEADERS_MAX: usize = 64;
/// How long connections may take to end.
const CLOSE_WAIT: Duration = Duration::from_secs(3);
/// The pause after the machine had no connection to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
