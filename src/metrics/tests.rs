use super::*;

fn record(action: &'static str, code: Option<&str>, class: Option<Class>) -> CallRecord {
    CallRecord {
        action,
        status: None,
        class,
        code: code.map(str::to_owned),
        request_id: None,
        duration: Duration::from_millis(20),
    }
}

fn value(text: &str, series: &str) -> Option<String> {
    text.lines().find_map(|line| Some(line.strip_prefix(series)?.strip_prefix(' ')?.to_owned()))
}

#[test]
fn reconciles_count_as_controller_runtime_counts_them() {
    let metrics = Metrics::new("lease");
    let ends =
        [Ended::Success, Ended::Success, Ended::Requeue, Ended::RequeueAfter, Ended::Error, Ended::Terminal];
    for ended in ends {
        metrics.reconciled(ended, Duration::from_millis(3));
    }
    let text = metrics.text(&[]);
    let total = |result: &str| {
        let series = format!(
            "controller_runtime_reconcile_total{{result=\"{result}\",controller=\"dataworksresource\"}}"
        );
        let other = format!(
            "controller_runtime_reconcile_total{{controller=\"dataworksresource\",result=\"{result}\"}}"
        );
        value(&text, &series).or_else(|| value(&text, &other))
    };
    let totals = ["success", "requeue", "requeue_after", "error"].map(total);
    assert_eq!(totals.map(Option::unwrap), ["2", "1", "1", "2"]);
    let labels = "{controller=\"dataworksresource\"}";
    let of = |name: &str| value(&text, &format!("{name}{labels}"));
    assert_eq!(of("controller_runtime_reconcile_errors_total").as_deref(), Some("2"));
    assert_eq!(of("controller_runtime_terminal_reconcile_errors_total").as_deref(), Some("1"));
    assert_eq!(of("controller_runtime_reconcile_panics_total").as_deref(), Some("0"));
    assert_eq!(of("controller_runtime_reconcile_time_seconds_count").as_deref(), Some("6"));
}

#[test]
fn a_code_is_a_label_only_if_it_is_in_a_table() {
    let rows = [
        (None, "ok"),
        (Some("Throttling.User"), "Throttling.User"),
        (Some("Throttling.SomethingNew"), "Throttling.*"),
        (Some("InvalidParameterPath"), "InvalidParameter*"),
        (Some("TimedOut"), "TimedOut"),
        (Some("Http502"), "Http5xx"),
        (Some("Http404"), "Http4xx"),
        (Some("Http\u{e9}"), "other"),
        (Some("anything\" a service} says"), "other"),
        (Some(""), "other"),
    ];
    for (given, want) in rows {
        assert_eq!(code(given), want, "{given:?}");
    }
}

#[test]
fn calls_and_throttling_are_counted() {
    let metrics = Metrics::new("lease");
    metrics.cloud_call(&record("GetResource", None, None));
    metrics.cloud_call(&record("GetResource", Some("Throttling.User"), Some(Class::Throttled)));
    // The day's calls are used up: no wish to slow down.
    metrics.cloud_call(&record("GetResource", Some("Throttling.Api.Risk"), Some(Class::Quota)));
    let text = metrics.text(&[]);
    assert_eq!(value(&text, "dataworks_api_throttled_total").as_deref(), Some("1"));
    for code in ["ok", "Throttling.User", "Throttling.Api.Risk"] {
        let series = format!("dataworks_api_requests_total{{action=\"GetResource\",code=\"{code}\"}}");
        assert_eq!(value(&text, &series).as_deref(), Some("1"), "{code}");
    }
    let seconds = "dataworks_api_request_duration_seconds_count{action=\"GetResource\"}";
    assert_eq!(value(&text, seconds).as_deref(), Some("3"));
}

#[test]
fn it_is_one_document_with_one_end() {
    let text = Metrics::new("my-lease").text(&[process::Process::starting_now().figures()]);
    assert_eq!(text.matches("# EOF").count(), 1);
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(value(&text, "leader_election_master_status{name=\"my-lease\"}").as_deref(), Some("0"));
    let build =
        format!("dataworks_build_info{{version=\"{}\",revision=\"{REVISION}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value(&text, &build).as_deref(), Some("1"));
    let cpu = value(&text, "process_cpu_seconds_total").unwrap();
    assert!(cpu.parse::<f64>().is_ok(), "{cpu}");
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let mut once = names.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), names.len(), "a name is described twice: {names:?}");
}
