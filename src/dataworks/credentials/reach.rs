//! How providers ask the services that give credentials: once, by a deadline, with a bounded answer.
//!
//! It must not know what is asked for. The rule it keeps: what the service says is told without the
//! secrets of the request, and each call leaves one record, like those of DataWorks.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use reqwest::Request;
use tokio::time::Instant;

use super::CredentialError;
use crate::dataworks::call::{CallRecord, Observer, unanswered};
use crate::dataworks::clock::{Clock, CloudClock};
use crate::dataworks::error::{Effect, judge};
use crate::dataworks::transport::{Connection, Transport};

/// The way to one service.
#[derive(Clone)]
pub struct Reach {
    transport: Transport,
    clock: CloudClock,
    observer: Option<Observer>,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reach").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// What is asked, and of whom.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) service: &'static str,
    pub(super) action: &'static str,
    /// From now.
    pub(super) deadline: Duration,
    /// What must not be told of the answer.
    pub(super) secrets: &'a [&'a str],
}

impl Reach {
    /// A way over these connections; nothing is contacted.
    #[must_use]
    pub fn new(transport: Transport, clock: Clock, observer: Option<Observer>) -> Self {
        Self { transport, clock: CloudClock::new(clock), observer }
    }

    /// The service's time, as far as its answers have taught it.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Asks and reads a success with `read`, which gives `None` for what is none. Answers also the
    /// time of the service.
    pub(super) async fn ask<T>(
        &self,
        question: Question<'_>,
        request: Request,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<(T, Timestamp), CredentialError> {
        let Question { service, action, deadline, secrets } = question;
        let (begun, sent) = (Instant::now(), self.clock.local());
        let answer = self.transport.send(request, Connection::Pooled, begun + deadline).await;
        let status = answer.as_ref().ok().map(|answer| answer.status);
        let end = match answer {
            Ok(answer) => {
                if let Some(date) = answer.date {
                    self.clock.learn(date, sent, self.clock.local());
                }
                let given = answer.date.unwrap_or_else(|| self.now());
                let good = (200..300).contains(&answer.status);
                good.then(|| read(&answer.body)).flatten().map(|read| (read, given)).ok_or_else(|| {
                    judge(answer.status, answer.retry_after, &answer.body, secrets, Effect::Read).fault
                })
            }
            Err(error) => Err(unanswered(error).fault),
        };
        let fault = end.as_ref().err();
        let record = CallRecord {
            action,
            status,
            class: fault.map(|fault| fault.class),
            code: fault.map(|fault| fault.code.clone()),
            request_id: fault.and_then(|fault| fault.request_id.clone()),
            duration: begun.elapsed(),
        };
        record.report(self.observer.as_ref());
        end.map_err(|fault| CredentialError::NotGiven { service, fault })
    }
}
