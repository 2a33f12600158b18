//! A device: a disk, a network, a wall clock that may be wrong, and one or two tabs that come and go.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::rc::{Rc, Weak};

use keyflow_sync::driver::{Driver, Setup};
use keyflow_sync::error::{Error, StoreError};
use keyflow_sync::seam::{Heard, Host, Now};
use keyflow_sync::stamp::Millis;

use crate::dice::{Dice, Stream};
use crate::exec::WORLD;
use crate::net::{Link, Net};
use crate::sim::{EPOCH, Sim};
use crate::store::{Disk, SimStore};

/// The real driver on the simulated platform.
pub type SimDriver = Driver<SimStore, Net, SimHost>;

/// One process that has opened the store.
#[derive(Clone)]
pub struct Tab {
    /// Its tasks.
    pub group: u64,
    /// Its driver.
    pub driver: Rc<SimDriver>,
}

type Listener = Box<dyn Fn(Heard)>;

#[derive(Default)]
struct Ear(RefCell<Option<Listener>>);

impl Ear {
    fn hear(&self, heard: Heard) {
        if let Some(listener) = &*self.0.borrow() {
            listener(heard);
        }
    }
}

/// What outlives the processes of a device.
pub struct Device {
    /// The run.
    pub sim: Rc<Sim>,
    /// Its number.
    pub index: u64,
    /// Its storage.
    pub disk: Disk,
    /// Its network.
    pub link: Rc<Link>,
    /// Wall clock minus true time, ms.
    pub skew: Cell<Millis>,
    /// The open tabs.
    pub tabs: RefCell<Vec<Tab>>,
    /// The tabs that are opening.
    opening: Cell<u64>,
    holder: Cell<u64>,
    last_holder: Cell<u64>,
    ears: RefCell<Vec<(u64, Weak<Ear>)>>,
    bits: Dice,
    /// The token it had before it was signed out.
    pub last_token: RefCell<Option<String>>,
    /// Whether it ever took an export over.
    pub imported: Cell<bool>,
}

impl Device {
    /// Device number `index`, with nothing on its disk.
    pub fn new(sim: &Rc<Sim>, index: u64) -> Rc<Device> {
        let seed = sim.profile.seed;
        let bits = Dice::new(seed, Stream::Platform, index);
        let skew = bits.within(-sim.profile.skew_ms, sim.profile.skew_ms);
        Rc::new(Device {
            sim: sim.clone(),
            index,
            disk: Disk::default(),
            link: Rc::new(Link {
                cut_until: Cell::new(0),
                faults: Dice::new(seed, Stream::Faults, index),
                delays: Dice::new(seed, Stream::Schedule, index + 1),
            }),
            skew: Cell::new(skew),
            tabs: RefCell::default(),
            opening: Cell::new(0),
            holder: Cell::new(0),
            last_holder: Cell::new(0),
            ears: RefCell::default(),
            bits,
            last_token: RefCell::default(),
            imported: Cell::new(false),
        })
    }

    /// Open and opening tabs.
    pub fn processes(&self) -> u64 {
        self.tabs.borrow().len() as u64 + self.opening.get()
    }

    /// Opens a tab.
    pub fn open(self: &Rc<Self>) {
        let (device, sim) = (self.clone(), self.sim.clone());
        let group = sim.exec.name();
        self.opening.set(self.opening.get() + 1);
        let opening = Opening(self.clone());
        sim.exec.spawn(group, async move {
            let sim = &device.sim;
            loop {
                let store = SimStore::new(device.clone(), group);
                let net = Net { device: device.clone(), group };
                let host = SimHost { device: device.clone(), group, ear: Rc::default() };
                device.ears.borrow_mut().push((group, Rc::downgrade(&host.ear)));
                let setup = Setup { rules: sim.profile.rules.clone(), online: true, ..Setup::default() };
                match Driver::open(store, Some(net), host, setup).await {
                    Ok(driver) => {
                        drop(opening);
                        device.tabs.borrow_mut().push(Tab { group, driver: driver.clone() });
                        return driver.run().await;
                    }
                    Err(Error::Store(StoreError::Failed(_) | StoreError::Full(_))) => {}
                    Err(error) => {
                        sim.violation(format!("I13: device {} does not open: {error}", device.index))
                    }
                }
                sim.exec.sleep(500).await;
            }
        });
    }

    /// Ends a process without a word, and opens another one a little later.
    pub fn crash(self: &Rc<Self>, group: u64) {
        self.sim.note(&format!("device {} crashes", self.index));
        let device = self.clone();
        self.sim.exec.doom(group);
        let wait = self.link.delays.within(1, 20_000);
        self.sim.exec.spawn(WORLD, async move {
            device.forget(group);
            device.sim.exec.sleep(wait).await;
            device.sim.saw("restart");
            if device.processes() < device.sim.profile.tabs {
                device.open();
            }
        });
    }

    /// A point before or after an effect of process `group`. When the script says so, the process ends here, and this
    /// never resolves.
    pub async fn point(self: &Rc<Self>, group: u64) {
        let sim = &self.sim;
        sim.points.set(sim.points.get() + 1);
        let ends = sim.ends.borrow().clone();
        if !ends.at.contains(&sim.points.get()) {
            return;
        }
        sim.note(&format!("device {} ends at point {}", self.index, sim.points.get()));
        if ends.power {
            self.cut_power();
        } else {
            sim.exec.doom(group);
            self.forget(group);
            self.open();
        }
        pending::<()>().await;
    }

    /// Ends every open process without a word.
    pub fn stop(&self) -> usize {
        let groups: Vec<u64> = self.tabs.borrow().iter().map(|tab| tab.group).collect();
        for group in &groups {
            self.sim.exec.doom(*group);
            self.forget(*group);
        }
        groups.len()
    }

    /// The platform tells every process something.
    pub fn hear(&self, heard: Heard) {
        let ears: Vec<_> = self.ears.borrow().iter().filter_map(|(_, ear)| ear.upgrade()).collect();
        ears.iter().for_each(|ear| ear.hear(heard));
    }

    /// Ends every process at once; what was not flushed may be gone.
    pub fn cut_power(self: &Rc<Self>) {
        for _ in 0..self.stop() {
            self.open();
        }
        let lost = self.disk.cut_power(self.link.faults.below(4) as usize);
        self.sim.note(&format!("device {} loses power and {lost} commits", self.index));
        self.sim.saw("power cut");
        if lost > 0 {
            self.sim.saw("relaxed commit lost");
        }
    }

    /// Closes a tab in good order.
    pub fn close(&self, group: u64) {
        let tab = self.tabs.borrow().iter().find(|tab| tab.group == group).cloned();
        if let Some(tab) = tab {
            tab.driver.close();
            self.sim.exec.doom(group);
            self.forget(group);
        }
    }

    /// Closes everything for good, so that nothing refers to itself any more.
    pub fn end(&self) {
        self.tabs.borrow_mut().clear();
        self.ears.borrow_mut().clear();
    }

    fn forget(&self, group: u64) {
        let gone: Vec<Tab> = {
            let mut tabs = self.tabs.borrow_mut();
            let (gone, left) = tabs.drain(..).partition(|tab: &Tab| tab.group == group);
            *tabs = left;
            gone
        };
        drop(gone);
        self.ears.borrow_mut().retain(|(other, _)| *other != group);
        if self.holder.get() == group {
            self.holder.set(0);
        }
    }
}

/// Counts a tab that is opening, also when its process ends before it is open.
struct Opening(Rc<Device>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.opening.set(self.0.opening.get() - 1);
    }
}

/// One process's platform.
pub struct SimHost {
    device: Rc<Device>,
    group: u64,
    ear: Rc<Ear>,
}

/// The right to run a round.
pub struct Guard {
    device: Rc<Device>,
    group: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.device.holder.get() == self.group {
            self.device.holder.set(0);
        }
    }
}

impl Host for SimHost {
    type Guard = Guard;

    fn now(&self) -> Now {
        let mono = self.device.sim.exec.now();
        let wall = EPOCH + mono + self.device.skew.get();
        Now { wall: wall - wall.rem_euclid(self.device.sim.profile.grain_ms), mono }
    }

    fn sleep_until(&self, mono: Millis) -> impl Future<Output = ()> {
        self.device.sim.exec.sleep_until(mono)
    }

    fn random(&self) -> u128 {
        u128::from(self.device.bits.next()) << 64 | u128::from(self.device.bits.next())
    }

    async fn round(&self, steal: bool) -> Option<Guard> {
        let (device, sim) = (&self.device, &self.device.sim);
        sim.exec.yield_now().await;
        if device.holder.get() != 0 && device.holder.get() != self.group {
            if !steal {
                sim.saw("lock held");
                return None;
            }
            sim.saw("lock stolen");
        }
        if device.last_holder.replace(self.group) != self.group {
            sim.saw("tab hand-over");
        }
        device.holder.set(self.group);
        Some(Guard { device: device.clone(), group: self.group })
    }

    fn listen(&self, listener: Box<dyn Fn(Heard)>) {
        *self.ear.0.borrow_mut() = Some(listener);
    }

    fn announce(&self) {
        let others: Vec<_> =
            self.device.ears.borrow().iter().filter(|(group, _)| *group != self.group).cloned().collect();
        for (group, ear) in others {
            let exec = self.device.sim.exec.clone();
            let wait = self.device.link.delays.within(0, 5);
            self.device.sim.exec.spawn(group, async move {
                exec.sleep(wait).await;
                if let Some(ear) = ear.upgrade() {
                    ear.hear(Heard::OtherTab);
                }
            });
        }
    }
}
