//! Tells listening devices that something changed. A hint only: a lost one costs a little time and never data.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, StreamExt, stream};
use keyflow_sync::stamp::Millis;
use serde_json::json;
use tokio::sync::watch;

use crate::app::App;
use crate::error::Problem;
use crate::store::{Principal, UserId};

/// Who listens in this process.
#[derive(Default)]
pub struct Events {
    clocks: Mutex<HashMap<UserId, watch::Sender<Millis>>>,
}

impl Events {
    fn clocks(&self) -> MutexGuard<'_, HashMap<UserId, watch::Sender<Millis>>> {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the devices of `user` that its clock moved on.
    pub fn tell(&self, user: &UserId, clock: Millis) {
        let mut clocks = self.clocks();
        if let Some(sender) = clocks.get(user)
            && sender.send(clock).is_err()
        {
            clocks.remove(user);
        }
    }

    /// Ends the streams of `user`. Those who may listen come back; a revoked device is refused then.
    pub fn hang_up(&self, user: &UserId) {
        self.clocks().remove(user);
    }

    /// Ends all streams, so that the process can stop.
    pub fn hang_up_all(&self) {
        self.clocks().clear();
    }

    fn listen(&self, user: &UserId) -> watch::Receiver<Millis> {
        let mut clocks = self.clocks();
        if clocks.len() % 256 == 255 {
            clocks.retain(|_, sender| sender.receiver_count() > 0);
        }
        clocks.entry(user.clone()).or_insert_with(|| watch::channel(0).0).subscribe()
    }
}

/// `GET /api/sync/events`: `changed` at once and after each commit, with the user's clock as `serverTimestamp`.
pub async fn events(
    State(app): State<App>,
    who: Principal,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    // Listening starts before the clock is read, so that no commit falls between the two.
    let receiver = app.events.listen(&who.user);
    let clock = app.store.clock(&who.user).await?;
    let first = stream::once(async move { Ok(changed(clock)) });
    let later = stream::unfold(receiver, |mut receiver| async move {
        receiver.changed().await.ok()?;
        let clock = *receiver.borrow_and_update();
        Some((Ok(changed(clock)), receiver))
    });
    Ok(Sse::new(first.chain(later)).keep_alive(KeepAlive::default()))
}

fn changed(clock: Millis) -> Event {
    Event::default().event("changed").data(json!({ "serverTimestamp": clock }).to_string())
}
