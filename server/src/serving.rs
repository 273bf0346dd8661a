//! A running server: started in order, stopped in the opposite one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sip_bridge::{Door, Transport};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::config::{Config, Secret};
use crate::house::House;
use crate::http::{self, BrowserAccess, HttpState, LiveCalls, Readiness};
use crate::journal::{self, Folders};
use crate::mouth::Prepared;
use crate::records::Records;
use crate::store::{Projector, ProjectorTask, Store};
use crate::webhook::Webhook;
use crate::{reception, telemetry};

/// A server that takes calls.
pub struct Serving {
    house: Arc<House>,
    readiness: Readiness,
    http_address: SocketAddr,
    closing: CancellationToken,
    http: JoinHandle<()>,
    reception: JoinHandle<()>,
    prompts: JoinHandle<()>,
    door: JoinHandle<()>,
    projector: ProjectorTask,
}

impl Serving {
    /// Closes what a crash left open, builds the house, and opens its doors.
    ///
    /// # Errors
    /// When a port is taken, a model is missing, a flow is wrong, or the data folder cannot be written: the message
    /// names it and the way out.
    pub async fn start(config: Config, clock: Clock) -> Result<Self> {
        let metrics = telemetry::metrics()?;
        let folders = Folders { live: config.live_folder(), recordings: config.recordings_folder() };
        let store = open_store(&config, &folders).await?;
        let webhook = Webhook::start(config.webhook.as_ref(), &config.data.folder)?;
        close_crashed_calls(&folders, &store, webhook.as_ref()).await?;
        let (projector, projector_task) = Projector::start(store.clone(), folders.clone(), repair);
        let live = LiveCalls::default();
        let records = Records { clock, folders: folders.clone(), projector, live: live.clone(), webhook };
        let readiness = Readiness::new();
        let closing = CancellationToken::new();
        let http_listen = config.http.listen;
        let token = config.http.token.clone();
        let listener = TcpListener::bind(http_listen).await.with_context(|| {
            format!("cannot listen for HTTP on {http_listen}; stop what uses the port, or change http.listen")
        })?;
        let http_address = listener.local_addr()?;
        let (house, arrivals) = House::build(config, clock, records).await?;
        let state = HttpState {
            store,
            folders,
            live,
            agents: house.desk.agents(),
            readiness: readiness.clone(),
            guests: house.guests.clone(),
            prompts: house.mouth.prepared(),
            reload_flows: reloading(&house),
            browsers: browser_access(&house),
            metrics,
            token,
            closing: closing.clone(),
        };
        let http = tokio::spawn(http::serve(listener, state));
        let reception = tokio::spawn(reception::receive(house.clone(), arrivals));
        house.prepare_prompts();
        let prompts = tokio::spawn(follow_prompts(house.mouth.prepared()));
        let door = tokio::spawn(follow_door(house.door.clone()));
        Ok(Self { house, readiness, http_address, closing, http, reception, prompts, door, projector: projector_task })
    }

    /// Where calls come in.
    pub fn sip_address(&self) -> SocketAddr {
        let door = &self.house.door;
        let address = door.local_addr(Transport::Udp).or_else(|| door.local_addr(Transport::Tcp));
        let address = address.or_else(|| door.local_addr(Transport::Tls));
        address.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// Where the web interface listens.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// What clients of the web interface must show.
    pub fn token(&self) -> Option<Secret> {
        self.house.config.http.token.clone()
    }

    /// How far the rendering of fixed prompts in the background is.
    pub fn prompts(&self) -> watch::Receiver<Prepared> {
        self.house.mouth.prepared()
    }

    /// Reads the flows anew, for the calls to come; returns their names.
    ///
    /// # Errors
    /// With every problem of the first flow that has any; the flows stay as they were.
    pub fn reload_flows(&self) -> Result<Vec<String>> {
        self.house.reload_flows()
    }

    /// Waits until every fixed prompt plays at once.
    pub async fn ready(&self) {
        let mut prompts = self.prompts();
        // The voices end with the house, and then nothing is waited for.
        let _ = prompts.wait_for(|prepared| prepared.is_done()).await;
    }

    /// Takes no new calls, lets live ones finish or tells them goodbye, and closes everything.
    pub async fn stop(self) {
        let Self { house, readiness, closing, http, reception, prompts, door, projector, .. } = self;
        readiness.missing("calls", "the server is stopping");
        prompts.abort();
        door.abort();
        info!(live = house.calls.len(), "Stopping: no new calls, live ones may finish");
        house.stopping.cancel();
        house.calls.close();
        let limit = house.config.limits.shutdown_s.duration() + GOODBYE_WAIT;
        if tokio::time::timeout(limit, house.calls.wait()).await.is_err() {
            warn!(live = house.calls.len(), "Calls did not end in time");
        }
        house.door.close().await;
        house.browsers.close().await;
        reception.abort();
        closing.cancel();
        if tokio::time::timeout(HTTP_WAIT, http).await.is_err() {
            warn!("The web interface did not close in time");
        }
        let webhook = house.records.webhook.clone();
        // The last holder of the projector's queue; the task ends when it is gone.
        drop(house);
        projector.stop(PROJECTOR_WAIT).await;
        if let Some(webhook) = webhook {
            webhook.stop(WEBHOOK_WAIT).await;
        }
        info!("Stopped");
    }
}

/// Reloads the flows of a house without keeping it alive.
fn reloading(house: &Arc<House>) -> Arc<dyn Fn() -> Result<Vec<String>> + Send + Sync> {
    let house = Arc::downgrade(house);
    Arc::new(move || house.upgrade().context("the server is stopping")?.reload_flows())
}

/// How browsers may call, where they may.
fn browser_access(house: &House) -> Option<BrowserAccess> {
    let webrtc = &house.config.webrtc;
    webrtc.enabled.then(|| BrowserAccess {
        browsers: house.browsers.clone(),
        token: webrtc.token.clone(),
        sites: webrtc.sites.clone(),
    })
}

async fn open_store(config: &Config, folders: &Folders) -> Result<Store> {
    for folder in [&config.data.folder, &folders.live, &folders.recordings] {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}; check data.folder", folder.display()))?;
    }
    Ok(Store::open(&config.data.folder.join("hotline.db")).await?)
}

/// Gives every call that a crash cut off its last event, its CDR and a whole recording.
async fn close_crashed_calls(folders: &Folders, store: &Store, webhook: Option<&Webhook>) -> Result<()> {
    let recovery = journal::recover(folders, store, repair).await.context("cannot read the journals of live calls")?;
    for (path, problem) in &recovery.problems {
        warn!(path = %path.display(), %problem, "A journal could not be closed");
    }
    for call in &recovery.calls {
        if let Some(webhook) = webhook {
            webhook.tell_ended(&call.cdr);
        }
    }
    if !recovery.calls.is_empty() {
        info!(calls = recovery.calls.len(), "Calls cut off by a crash are closed");
    }
    Ok(())
}

fn repair(path: &std::path::Path) -> Result<Duration, String> {
    media::repair(path).map_err(|error| error.to_string())
}

/// Tells the metrics and the log how far the fixed prompts are, until the server stops.
async fn follow_prompts(mut prompts: watch::Receiver<Prepared>) {
    let mut told = Instant::now();
    let mut was_done = false;
    loop {
        let now = *prompts.borrow_and_update();
        telemetry::set_prompts(now);
        let Prepared { total, ready, failed, .. } = now;
        if now.is_done() && !was_done {
            info!(clauses = ready, failed, "Fixed prompts are ready");
        } else if !now.is_done() && told.elapsed() >= PROMPTS_NEWS {
            info!(ready, total, "Fixed prompts are being rendered; calls are taken meanwhile");
            told = Instant::now();
        }
        was_done = now.is_done();
        if prompts.changed().await.is_err() {
            return;
        }
    }
}

/// Tells the metrics what the SIP door refuses, until the server stops.
async fn follow_door(door: Door) {
    loop {
        telemetry::observe_door(door.counts());
        tokio::time::sleep(DOOR_NEWS).await;
    }
}

/// How often the metrics hear of the door.
const DOOR_NEWS: Duration = Duration::from_secs(1);
/// How often the log tells how far the prompts are.
const PROMPTS_NEWS: Duration = Duration::from_secs(10);
/// How long the last words may take once the limit has come.
const GOODBYE_WAIT: Duration = Duration::from_secs(8);
/// How long open HTTP requests may take to end.
const HTTP_WAIT: Duration = Duration::from_secs(3);
/// How long the last webhooks may take to be sent.
const WEBHOOK_WAIT: Duration = Duration::from_secs(5);
/// How long the rows of the last calls may take to be written.
const PROJECTOR_WAIT: Duration = Duration::from_secs(10);
