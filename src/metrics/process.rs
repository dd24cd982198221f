//! Figures of the process itself, read from `/proc` when they are asked for; where there is none,
//! they are absent.

use std::fs;
use std::sync::atomic::AtomicU64;

use k8s_openapi::jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Clock ticks a second in `/proc`: what Linux shows to programs on every architecture that we are
/// built for.
const TICKS: f64 = 100.0;

/// What is known of the process from its start.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    started: Timestamp,
}

impl Process {
    /// This process, which has just started.
    #[must_use]
    pub fn starting_now() -> Self {
        Self { started: Timestamp::now() }
    }

    /// Its figures now.
    #[must_use]
    pub fn figures(self) -> Registry {
        let mut registry = Registry::default();
        let started: Gauge<f64, AtomicU64> = Gauge::default();
        started.set(self.started.as_duration().as_secs_f64());
        registry.register("process_start_time_seconds", "When the process started, in Unix time", started);
        if let Some(cpu) = read("stat").as_deref().and_then(cpu_seconds) {
            let counter: Counter<f64, AtomicU64> = Counter::default();
            counter.inc_by(cpu);
            registry.register("process_cpu_seconds", "Seconds of CPU used, the kernel's included", counter);
        }
        let mut gauge = |name: &str, help: &str, value: Option<u64>| {
            if let Some(value) = value.and_then(|value| i64::try_from(value).ok()) {
                let gauge: Gauge = Gauge::default();
                gauge.set(value);
                registry.register(name, help, gauge);
            }
        };
        let status = read("status");
        let resident = status.as_deref().and_then(|text| kilobytes(text, "VmRSS:"));
        gauge("process_resident_memory_bytes", "Bytes of memory in use", resident);
        let open = fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64);
        gauge("process_open_fds", "Open file descriptors", open);
        gauge(
            "process_max_fds",
            "Most open file descriptors",
            read("limits").as_deref().and_then(most_files),
        );
        registry
    }
}

fn read(name: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/{name}")).ok()
}

/// User and system time are the 14th and 15th field; the second is the name in brackets, which may
/// hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut ticks = rest.split_whitespace().skip(11).map(|field| field.parse::<f64>().ok());
    Some((ticks.next()?? + ticks.next()??) / TICKS)
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

fn most_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_proc_shows() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 2 3 4 5 1234 66 0 0 20 0 9 0 100 200 300";
        assert_eq!(cpu_seconds(stat), Some(13.0));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
        assert_eq!(kilobytes("VmPeak:\t  9 kB\nVmRSS:\t  12 kB\n", "VmRSS:"), Some(12 * 1024));
        assert_eq!(most_files("Max open files            1024                 524288  files\n"), Some(1024));
        assert_eq!(most_files("Max open files            unlimited            unlimited  files\n"), None);
    }
}
