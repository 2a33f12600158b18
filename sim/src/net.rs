//! The network between one process and the server: delays, losses, doubles, deadlines, and faults of what answers.
//!
//! A request that left arrives whether or not its sender still lives.

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use keyflow_sync::seam::{Request, Response, Transport};
use keyflow_sync::stamp::Millis;
use serde_json::Value;

use crate::device::Device;
use crate::dice::Dice;
use crate::exec::WORLD;

/// What a device's network is like, for all its processes.
pub struct Link {
    /// No request leaves before then.
    pub cut_until: Cell<Millis>,
    /// Decides on faults.
    pub faults: Dice,
    /// Decides on delays.
    pub delays: Dice,
}

/// One process's way to the server.
pub struct Net {
    /// The device whose network it is.
    pub device: Rc<Device>,
    /// The process.
    pub group: u64,
}

fn page(status: u16, retry_after: Option<&str>, body: &str) -> Response {
    Response { status, retry_after: retry_after.map(str::to_owned), body: body.to_owned() }
}

impl Net {
    fn delay(&self) -> Millis {
        if self.device.sim.faults().network && self.device.link.faults.chance(20) {
            self.device.sim.saw("slow");
            return self.device.link.faults.within(5_000, 60_000);
        }
        self.device.link.delays.within(1, 80)
    }

    /// What stands between here and the server answers instead of it.
    fn instead(&self) -> Option<Response> {
        let (faults, dice) = (self.device.sim.faults(), &self.device.link.faults);
        if faults.sign_in && dice.chance(5) {
            self.device.sim.saw("401");
            return Some(page(401, None, ""));
        }
        if !faults.server || !dice.chance(60) {
            return None;
        }
        self.device.sim.saw("server fault");
        Some(match dice.below(5) {
            0 => page(500, None, "{}"),
            1 => page(503, Some("20"), "{}"),
            2 => page(429, Some("7"), "{\"code\":\"tooManyRequests\"}"),
            3 => page(200, None, "<html>log in to this network</html>"),
            _ => page(404, None, "<html>not here</html>"),
        })
    }
}

/// Prints what a push carried and what became of it.
fn tell(request: &Request, answer: &Response) {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (body, reply) = (read(request.body.as_deref().unwrap_or_default()), read(&answer.body));
    for name in ["sessions", "settings", "progress"] {
        for (index, record) in body[name].as_array().into_iter().flatten().enumerate() {
            let result = &reply["results"][index];
            println!(
                "            {} {} on {} -> {} {}",
                record["id"], record["version"], record["base"], result["outcome"], result["version"]
            );
        }
    }
}

impl Transport for Net {
    async fn send(&self, request: &Request) -> Result<Response, String> {
        let (sim, dice) = (&self.device.sim, &self.device.link.faults);
        let faults = sim.faults();
        if sim.faulty.get() && self.device.link.cut_until.get() > sim.exec.now() {
            sim.exec.sleep(1).await;
            return Err("there is no network".into());
        }
        self.device.point(self.group).await;
        let (out, back) = (self.delay(), self.delay());
        let drop_request = faults.network && dice.chance(40);
        let drop_reply = faults.network && dice.chance(40);
        let again = (faults.duplicates && dice.chance(60)).then(|| dice.within(1, 30_000));
        let cut = faults.network && dice.chance(15);
        let instead = self.instead();
        let (sender, receiver) = oneshot::channel();
        let (server, sent) = (sim.clone(), request.clone());
        sim.exec.spawn(WORLD, async move {
            server.exec.sleep(out).await;
            if drop_request {
                server.saw("lost request");
                // The sender waits for its deadline.
                server.exec.sleep(sent.deadline).await;
                return drop(sender);
            }
            let answer = match instead {
                Some(answer) => answer,
                None => server.cloud.handle(server.exec.now(), &sent),
            };
            server.hear_cloud();
            server.note(&format!("{} {} -> {}", sent.method, sent.path, answer.status));
            if server.loud {
                tell(&sent, &answer);
            }
            let answer = match cut {
                true => {
                    server.saw("cut answer");
                    Response { body: answer.body.chars().take(answer.body.len() / 2).collect(), ..answer }
                }
                false => answer,
            };
            server.exec.sleep(back).await;
            if drop_reply {
                server.saw("lost reply");
                server.exec.sleep(sent.deadline).await;
                return drop(sender);
            }
            // The process may have ended.
            let _ = sender.send(answer);
            if let Some(wait) = again {
                server.exec.sleep(wait).await;
                server.saw("doubled request");
                server.cloud.handle(server.exec.now(), &sent);
                server.hear_cloud();
            }
        });
        let answer = select(receiver, sim.exec.sleep(request.deadline)).await;
        self.device.point(self.group).await;
        match answer {
            Either::Left((Ok(answer), _)) => Ok(answer),
            Either::Left((Err(_), _)) => Err("the connection was lost".into()),
            Either::Right(_) => {
                sim.saw("deadline");
                Err("the deadline passed".into())
            }
        }
    }
}
