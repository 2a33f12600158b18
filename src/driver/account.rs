//! The user's calls about the account: link codes, devices, tokens, sign-out.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::round::read_as;
use super::{Account, Driver, Event, Head, Intent, Progress, http};
use crate::error::{Error, TransportError};
use crate::model::{Key, Kind};
use crate::read::read_struct;
use crate::seam::{HEAD, Host, Row, Store, Table, Transport};
use crate::stamp::Millis;

/// How often a link gathers anew what a round dropped meanwhile.
const GATHERINGS: u32 = 5;

/// An invitation for another device.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkCode {
    /// 8 characters, one use.
    pub code: String,
    /// Epoch ms.
    pub expires_at: Millis,
}

read_struct!(LinkCode {
    code: "code",
    expires_at: "expiresAt"
} or default {});

/// A device of the user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// The server's name for it.
    pub id: String,
    /// The user's name for it.
    pub name: Option<String>,
    /// Epoch ms.
    pub created_at: Millis,
    /// Epoch ms.
    pub last_seen_at: Option<Millis>,
    /// Whether it is this one.
    pub current: bool,
}

read_struct!(Device {
    id: "id",
    created_at: "createdAt"
} or default {
    name: "name",
    last_seen_at: "lastSeenAt",
    current: "current"
});

impl<S: Store, T: Transport, H: Host> Driver<S, T, H> {
    fn need_server(&self) -> Result<(), Error> {
        self.check_open()?;
        match self.transport {
            Some(_) => Ok(()),
            None => Err(Error::State("localOnly", "this store was opened without a server".into())),
        }
    }

    /// Registers this device unless it is known to the server.
    async fn need_account(&self) -> Result<(), Error> {
        self.need_server()?;
        let known = |head: &Head| head.account.as_ref().is_some_and(|account| !account.user_id.is_empty());
        if !known(&self.state.borrow().head) {
            self.sync().await?;
        }
        Ok(())
    }

    /// A request whose refused token is remembered.
    async fn ask_signed_in(&self, request: crate::seam::Request) -> Result<Value, Error> {
        self.need_account().await?;
        let answer = self.ask(request).await;
        if matches!(answer, Err(TransportError::NotSignedIn)) {
            self.commit(Intent::Head(&|head| head.auth_required = true)).await?;
            self.post(Event::Ready);
        }
        Ok(answer?)
    }

    /// Who this device is at the server; `None` before it registered.
    pub fn account(&self) -> Option<Account> {
        self.state.borrow().head.account.clone()
    }

    /// A code that joins another device to this user.
    pub async fn link_code(&self) -> Result<LinkCode, Error> {
        Ok(read_as(self.ask_signed_in(http::post("/api/devices/link-codes", &json!({}))).await?)?)
    }

    /// Joins this device to the user who made `code`. All local records are kept and offered to that user.
    pub async fn link(&self, code: &str) -> Result<(), Error> {
        self.need_server()?;
        // Nothing is dropped from this device while it gathers what is only in the old cloud.
        self.gathering.set(true);
        let linked = self.gather_and_link(code).await;
        self.gathering.set(false);
        linked?;
        drop(self.ask_for_round());
        Ok(())
    }

    async fn gather_and_link(&self, code: &str) -> Result<(), Error> {
        let mut gone = self.gather().await?;
        let body = json!({ "code": code, "name": self.setup.device_name });
        let account: Account = read_as(self.ask(http::post("/api/devices/link", &body)).await?)?;
        let mut tries = 0;
        loop {
            match self.commit(Intent::Round(&Progress::Link(account.clone(), gone), 0)).await {
                // Another tab dropped a body, or the old cloud has a version not pulled yet. Its token still holds.
                Err(Error::State("notCached", _)) if tries < GATHERINGS => {
                    tries += 1;
                    self.sync().await?;
                    gone = self.gather().await?;
                }
                done => return done.map(|_| ()),
            }
        }
    }

    /// Fetches every session that is only in the cloud; answers those that the cloud has lost.
    async fn gather(&self) -> Result<BTreeSet<Key>, Error> {
        let mut gone = BTreeSet::new();
        for key in self.keys(Kind::Session) {
            let bare = self.is_bare(&key);
            match self.bring(&key).await {
                // A device that was shut out gets nothing more; the user it joins may be the same.
                Err(Error::Transport(TransportError::NotSignedIn)) => break,
                Ok(None) if bare && self.is_bare(&key) => drop(gone.insert(key)),
                brought => drop(brought?),
            }
        }
        Ok(gone)
    }

    /// The user's devices.
    pub async fn devices(&self) -> Result<Vec<Device>, Error> {
        let answer = self.ask_signed_in(http::get("/api/devices".into())).await?;
        Ok(read_as(answer.get("devices").cloned().unwrap_or_default())?)
    }

    /// Shuts a device out: its next request is refused.
    pub async fn revoke(&self, device: &str) -> Result<(), Error> {
        let path = format!("/api/devices/{}", http::segment(device));
        self.ask_signed_in(http::delete(path)).await.map(|_| ())
    }

    /// Uses another token from now on, and tries at once. Whose it is, the server says.
    pub async fn set_token(&self, token: String) -> Result<(), Error> {
        self.use_token(token).await?;
        drop(self.ask_for_round());
        Ok(())
    }

    pub(super) async fn use_token(&self, token: String) -> Result<(), Error> {
        let unknown = Account { user_id: String::new(), device_id: String::new(), token };
        let take = |head: &mut Head| {
            head.account = Some(unknown.clone());
            // A round that runs for the old account ends.
            head.round += 1;
            (head.signed_out, head.auth_required, head.retry_at) = (false, false, None);
        };
        self.commit(Intent::Head(&take)).await.map(|_| ())
    }

    /// Forgets the token and keeps every record and edit for the next sign-in.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let leave = |head: &mut Head| {
            (head.account, head.signed_out, head.auth_required) = (None, true, false);
            head.round += 1;
            (head.retry_at, head.failures, head.last_error) = (None, 0, None);
        };
        self.commit(Intent::Head(&leave)).await?;
        self.post(Event::Ready);
        Ok(())
    }

    /// Forgets the token and everything stored here.
    pub async fn clear(&self) -> Result<(), Error> {
        self.check_open()?;
        let mut rows = Vec::new();
        for table in Table::ALL {
            let found = self.store.scan(table, "", super::END, u32::MAX).await?;
            let keys =
                found.into_iter().map(|(key, _)| key).filter(|key| table != Table::Meta || key != HEAD);
            rows.extend(keys.map(|key| Row { table, key, value: None }));
        }
        self.commit(Intent::Wipe(&rows)).await?;
        self.post(Event::Ready);
        Ok(())
    }
}
