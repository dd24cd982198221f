//! The day's count of calls, kept in a ConfigMap so that a restart does not lose it.
//!
//! Written only where a daily limit is set, at most every five minutes and at the end; a process
//! that is killed forgets five minutes at most.

use std::collections::BTreeMap;
use std::time::Duration;

use dataworks_core::api::FIELD_MANAGER;
use dataworks_core::limit::Day;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use tracing::{info, warn};

use super::limiter::Limiter;

/// Time between two writes.
const EVERY: Duration = Duration::from_secs(300);
/// Deadline of a read or write.
const DEADLINE: Duration = Duration::from_secs(10);
const DAY: &str = "day";
const USED: &str = "calls";

/// Where the count is kept.
#[derive(Clone)]
pub struct Store {
    api: Api<ConfigMap>,
    name: String,
}

impl Store {
    /// The ConfigMap `name` in `namespace`.
    #[must_use]
    pub fn new(client: kube::Client, namespace: &str, name: String) -> Self {
        Self { api: Api::namespaced(client, namespace), name }
    }

    /// Takes over what earlier processes counted today.
    async fn resume(&self, limiter: &Limiter) {
        match tokio::time::timeout(DEADLINE, self.api.get_opt(&self.name)).await {
            Ok(Ok(map)) => {
                if let Some(day) = map.as_ref().and_then(|map| read(map.data.as_ref()?)) {
                    info!(day = day.number, calls = day.used, "taking over the day's count of calls");
                    limiter.resume(day);
                }
            }
            Ok(Err(error)) => warn!(%error, "the day's count of calls cannot be read; counting from zero"),
            Err(_) => warn!("the day's count of calls could not be read in time; counting from zero"),
        }
    }

    /// Does `work`, keeping the count meanwhile and once more when it has ended.
    pub async fn keep(&self, limiter: &Limiter, work: impl Future<Output = ()>) {
        self.resume(limiter).await;
        let mut kept = limiter.day();
        let mut work = std::pin::pin!(work);
        loop {
            let ended = tokio::select! {
                () = &mut work => true,
                () = tokio::time::sleep(EVERY) => false,
            };
            let day = limiter.day();
            if day != kept {
                // In a task of its own: the work does not wait for it.
                let store = self.clone();
                let write = tokio::spawn(async move { store.write(day).await });
                kept = day;
                if ended {
                    let _written = write.await;
                }
            }
            if ended {
                return;
            }
        }
    }

    async fn write(&self, day: Day) {
        let map = ConfigMap {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            data: Some(written(day)),
            ..ConfigMap::default()
        };
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&map);
        let write = self.api.patch(&self.name, &params, &patch);
        match tokio::time::timeout(DEADLINE, write).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!(%error, "the day's count of calls could not be kept"),
            Err(_) => warn!("the day's count of calls could not be kept in time"),
        }
    }
}

fn written(day: Day) -> BTreeMap<String, String> {
    BTreeMap::from([(DAY.to_owned(), day.number.to_string()), (USED.to_owned(), day.used.to_string())])
}

fn read(data: &BTreeMap<String, String>) -> Option<Day> {
    Some(Day { number: data.get(DAY)?.parse().ok()?, used: data.get(USED)?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        let day = Day { number: 20_454, used: 57 };
        assert_eq!(read(&written(day)), Some(day));
        assert_eq!(
            read(&BTreeMap::from([(DAY.to_owned(), "x".to_owned()), (USED.to_owned(), "1".to_owned())])),
            None
        );
    }
}
