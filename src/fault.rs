//! Deliberate faults: each breaks one promise on purpose, so that it shows whether the tests would see it broken.
//!
//! A build without the feature `faults` contains none of them: [`on`] is `false` there, whatever it is asked. A release
//! build with the feature does not compile.

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("deliberate faults are for builds with debug assertions, never for a release");

/// The faults by the number they have in the project's list; what each does is said where it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the place that asks for a fault says what it does")]
pub enum Fault {
    M01,
    M02,
    M03,
    M04,
    M05,
    M06,
    M07,
    M08,
    M09,
    M10,
    M11,
    M12,
    M13,
    M14,
    M15,
    M16,
    M17,
    M18,
    M19,
    M20,
    M22,
    M23,
    M24,
    M26,
    M27,
    M28,
    M29,
}

#[cfg(feature = "faults")]
mod chosen {
    use std::cell::Cell;

    use super::Fault;

    thread_local! {
        static CHOSEN: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// From now on this thread has that fault, or none.
    pub fn choose(fault: Option<Fault>) {
        CHOSEN.set(fault);
    }

    /// Whether this thread has that fault.
    pub fn on(fault: Fault) -> bool {
        CHOSEN.get() == Some(fault)
    }
}

#[cfg(feature = "faults")]
pub use chosen::{choose, on};

/// Whether this thread has that fault: never, in this build.
#[cfg(not(feature = "faults"))]
pub const fn on(_: Fault) -> bool {
    false
}
