//! How the log's faults look from outside. Reading the log is the timeline room's.

use super::{LogKeyFault, ReadFault, WriteFault};
use crate::error::Problem;

impl From<WriteFault> for Problem {
    fn from(fault: WriteFault) -> Self {
        match fault {
            WriteFault::Unwritable(_) | WriteFault::Closed | WriteFault::Slow(_) => {
                Problem::new("log-unavailable", fault.to_string())
                    .help("nothing was done; reading goes on, and `/healthz` says when writing does")
            }
            _ => Problem::internal(fault),
        }
    }
}

impl From<ReadFault> for Problem {
    fn from(fault: ReadFault) -> Self {
        match fault {
            ReadFault::Plan(_) => Problem::new("invalid", fault.to_string()),
            _ => Problem::internal(fault),
        }
    }
}

impl From<LogKeyFault> for Problem {
    fn from(fault: LogKeyFault) -> Self {
        match fault {
            LogKeyFault::Turning | LogKeyFault::Another(_) => Problem::new("conflict", fault.to_string()),
            LogKeyFault::Write(fault) => fault.into(),
            LogKeyFault::File(_) | LogKeyFault::Name(_) => Problem::internal(fault),
        }
    }
}
