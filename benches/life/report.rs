//! The table: a row for each figure, with its aim, a column for each number of objects.

use std::fmt;
use std::path::Path;
use std::process::Command;

use k8s_openapi::jiff::Timestamp;
use kube::Client;

use crate::cloud::LATENCY_MS;

/// Between these the document holds the last figures.
const BEGIN: &str = "<!-- figures: written by `SAVE=1 make bench` -->";
const END: &str = "<!-- end of figures -->";

/// One figure.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) aim: String,
    pub(crate) value: String,
}

/// The figures of one life, in order.
#[derive(Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    pub(crate) fn add(&mut self, name: &str, aim: &str, value: impl fmt::Display) {
        let value = value.to_string();
        // Also while it runs: a long run that ends early has told something.
        eprintln!("{name}: {value}");
        self.0.push(Figure { name: name.to_owned(), aim: aim.to_owned(), value });
    }
}

/// All lives, and where they were measured.
pub(crate) struct Report {
    place: String,
    lives: Vec<(usize, Figures)>,
}

impl Report {
    pub(crate) async fn new(kube: &Client) -> Self {
        let cores = std::thread::available_parallelism().unwrap();
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap();
        let kib: f64 = memory.split_whitespace().nth(1).unwrap().parse().unwrap();
        let rust = Command::new("rustc").arg("--version").output().unwrap();
        let rust = String::from_utf8(rust.stdout).unwrap();
        let place = format!(
            "Measured on {} on a Linux machine ({}) with {cores} cores and {:.0} GiB of memory, which API server, etcd, \
             simulator, operator and the bench itself share; operator {}, Kubernetes {}, {}. Calls to the simulated \
             cloud take {LATENCY_MS} ms.",
            Timestamp::now().strftime("%Y-%m-%d"),
            std::env::consts::ARCH,
            kib / 1024.0 / 1024.0,
            env!("CARGO_PKG_VERSION"),
            kube.apiserver_version().await.unwrap().git_version,
            rust.split(' ').take(2).collect::<Vec<_>>().join(" "),
        );
        Self { place, lives: Vec::new() }
    }

    pub(crate) fn add(&mut self, n: usize, figures: Figures) {
        self.lives.push((n, figures));
    }

    /// Replaces the figures in the document.
    pub(crate) fn save(&self) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks.md");
        let text = std::fs::read_to_string(&file).unwrap();
        let (head, rest) = text.split_once(BEGIN).expect("the document has a place for figures");
        let (_, tail) = rest.split_once(END).expect("the place for figures has an end");
        std::fs::write(&file, format!("{head}{BEGIN}\n\n{self}\n{END}{tail}")).unwrap();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.place)?;
        write!(f, "| figure | aim |")?;
        for (n, _) in &self.lives {
            write!(f, " {n} objects |")?;
        }
        writeln!(f, "\n|---|---|{}", "---|".repeat(self.lives.len()))?;
        // The last life has every figure.
        let all = self.lives.last().map_or(&[][..], |(_, figures)| &figures.0);
        for row in all {
            write!(f, "| {} | {} |", row.name, row.aim)?;
            for (_, figures) in &self.lives {
                let same = figures.0.iter().find(|figure| figure.name == row.name);
                write!(f, " {} |", same.map_or("", |figure| &figure.value))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
