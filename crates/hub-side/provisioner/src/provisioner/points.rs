//! Where the provisioner can be killed by a test, and where its connection is cut.

use letsbe_types::{
    crash::Point,
    job::{Outcome, RunEventKind},
};

letsbe_types::crash_points! {
    /// Any provisioning, in the order in which it comes to them.
    pub mod flow {
        CONNECTED = "provisioner.connected",
        UPLOADED = "provisioner.uploaded",
        STARTED = "provisioner.started",
        CONFIRMED = "provisioner.confirmed",
        VERIFIED = "provisioner.verified",
        REPORTED = "provisioner.reported",
    }
}

letsbe_types::crash_points! {
    /// One that brings a lost server back, beside those of [`flow`].
    pub mod recovery {
        KEYS_HANDED = "provisioner.keys_handed",
    }
}

/// The connection is cut when a step has started.
#[must_use]
pub fn cut_at_start(step: u8) -> Point {
    Point::of_family(format!("connection.step.{step}.started"))
}

/// The connection is cut when a step has finished.
#[must_use]
pub fn cut_at_end(step: u8) -> Point {
    Point::of_family(format!("connection.step.{step}.finished"))
}

/// Where the connection is cut when this event has come: at every boundary, as soon as it is known.
pub(super) fn cut_after(event: &RunEventKind) -> Option<Point> {
    match event {
        RunEventKind::StepStarted { step, .. } => Some(cut_at_start(*step)),
        RunEventKind::Operation { operation, outcome: Outcome::Changed { .. }, .. } => {
            Some(Point::of_family(format!("connection.operation.{operation}")))
        }
        RunEventKind::StepFinished { step, .. } => Some(cut_at_end(*step)),
        _ => None,
    }
}
