//! Tasks that the process is of no use without.
//!
//! A panic in one of them ends the process: else it would stand still in part and call itself healthy. What works on a
//! single object is not one: a panic there is that object's.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use tokio::task::JoinHandle;
use tracing::error;

/// The exit code after such a panic: an internal software error, of sysexits.
const FAILED: i32 = 70;

/// Starts one.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        if AssertUnwindSafe(task).catch_unwind().await.is_err() {
            error!("a part of the operator has failed, so the process ends and is to be started anew");
            std::process::exit(FAILED);
        }
    })
}
