use super::*;

fn ms(n: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + n).unwrap()
}

/// Midnight and so many minutes.
fn minute(n: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + n * 60).unwrap()
}

fn hour(n: i64) -> Timestamp {
    minute(n * 60)
}

fn calls(bucket: &mut Bucket, from: i64, to: i64) -> usize {
    (from..to).step_by(10).filter(|t| bucket.take(Purpose::Work, ms(*t)).is_ok()).count()
}

/// The calls of the day, and those of them that were sweeps'.
fn counts(bucket: &mut Bucket, now: Timestamp) -> (u64, u64) {
    let day = bucket.day(now);
    (day.used, day.swept)
}

/// So many of a purpose, a second apart, until the first that is refused.
fn passes(bucket: &mut Bucket, purpose: Purpose, from: Timestamp) -> usize {
    (0..10_000).take_while(|n| bucket.take(purpose, later(from, Duration::from_secs(*n))).is_ok()).count()
}

#[test]
fn lets_through_what_is_configured() {
    let mut bucket = Bucket::new(5.0, None, ms(0));
    assert_eq!(calls(&mut bucket, 0, 10_000), 5 + 49, "a burst of a second's worth, then the rate");
}

#[test]
fn a_clock_that_was_set_back_holds_nobody_up() {
    let mut bucket = Bucket::new(5.0, None, ms(0));
    assert_eq!(calls(&mut bucket, 0, 1_000), 5 + 4);
    // By an hour.
    assert_eq!(calls(&mut bucket, -3_600_000, -3_599_000), 5, "with what was left of the second before");
    assert_eq!(calls(&mut bucket, -3_599_000, -3_589_000), 50);
}

#[test]
fn a_clock_that_was_set_back_takes_pauses_and_what_was_learnt_with_it() {
    const HOUR: i64 = 3_600_000;
    let mut bucket = Bucket::new(8.0, Some(1_000), ms(0));
    for _ in 0..8 {
        bucket.take(Purpose::Work, ms(0)).unwrap();
    }
    bucket.throttled(ms(0), Some(Duration::from_secs(5)), ms(500));
    bucket.used_up(Quota::Month, ms(1_000), ms(600));
    assert_eq!(bucket.paused_until(ms(700)), Some(ms(HOUR + 600)));
    // By an hour.
    assert_eq!(bucket.paused_until(ms(700 - HOUR)), Some(ms(600)));
    bucket.succeeded(ms(800 - HOUR), ms(900 - HOUR));
    assert_eq!(bucket.paused_until(ms(1_000 - HOUR)), Some(ms(5_500 - HOUR)), "what the service asked for");
    assert!(bucket.take(Purpose::Sweep, ms(5_500 - HOUR)).is_ok());
    assert!(bucket.take(Purpose::Sweep, ms(6_500 - HOUR)).is_ok(), "a second later");
    let before = bucket.rate();
    bucket.throttled(ms(6_000 - HOUR), None, ms(6_600 - HOUR));
    assert!(bucket.rate() < before, "{before}");
}

#[test]
fn a_day_forwards_and_back_is_one_day() {
    const DAY: i64 = 24 * 3_600_000;
    let mut bucket = Bucket::new(5.0, Some(100), ms(0));
    bucket.take(Purpose::Work, ms(DAY)).unwrap();
    bucket.take(Purpose::Work, ms(10)).unwrap();
    assert_eq!(bucket.day(ms(20)), Day { number: Day::of(ms(0)).number, used: 2, swept: 0 });
}

#[test]
fn says_when_to_ask_again() {
    let mut bucket = Bucket::new(2.0, None, ms(0));
    bucket.take(Purpose::Work, ms(0)).unwrap();
    bucket.take(Purpose::Work, ms(0)).unwrap();
    assert_eq!(bucket.take(Purpose::Work, ms(0)), Err(ms(500)));
    assert!(bucket.take(Purpose::Work, ms(500)).is_ok());
}

#[test]
fn a_permit_that_was_given_back_can_be_taken_again() {
    let mut bucket = Bucket::new(1.0, None, ms(0));
    for purpose in [Purpose::Work, Purpose::Sweep, Purpose::Finish] {
        let ticket = bucket.take(purpose, ms(0)).unwrap();
        bucket.give_back(ticket);
    }
    assert!(bucket.take(Purpose::Sweep, ms(0)).is_ok());
    assert_eq!(counts(&mut bucket, ms(0)), (1, 1));
}

#[test]
fn one_burst_slows_down_once_however_late_its_answers_come() {
    let mut bucket = Bucket::new(8.0, None, ms(0));
    for _ in 0..8 {
        bucket.take(Purpose::Work, ms(0)).unwrap();
    }
    for t in [300, 400, 700, 1_500, 4_000] {
        bucket.throttled(ms(0), None, ms(t));
        assert!((bucket.rate() - 4.0).abs() < 1e-9, "at {t}: {}", bucket.rate());
    }
    // Good ones of the same burst say nothing of the new rate.
    bucket.succeeded(ms(0), ms(4_100));
    assert!((bucket.rate() - 4.0).abs() < 1e-9);
    for _ in 0..2 {
        bucket.throttled(ms(0), None, ms(4_200));
    }
    bucket.take(Purpose::Work, ms(5_000)).unwrap();
    bucket.throttled(ms(5_000), None, ms(5_100));
    assert!((bucket.rate() - 2.0).abs() < 1e-9, "a call that left since: {}", bucket.rate());
}

#[test]
fn an_idle_connection_does_not_climb() {
    let mut bucket = Bucket::new(8.0, None, ms(0));
    bucket.take(Purpose::Work, ms(0)).unwrap();
    bucket.throttled(ms(0), None, ms(0));
    bucket.take(Purpose::Work, ms(3_600_000)).unwrap();
    bucket.succeeded(ms(3_600_000), ms(3_600_100));
    assert!(bucket.rate() < 5.0, "{}", bucket.rate());
}

#[test]
fn waits_as_long_as_it_is_asked_to() {
    let mut bucket = Bucket::new(8.0, None, ms(0));
    bucket.throttled(ms(0), Some(Duration::from_secs(3)), ms(0));
    assert_eq!(bucket.take(Purpose::Finish, ms(2_999)), Err(ms(3_000)));
    assert!(bucket.take(Purpose::Work, ms(3_000)).is_ok());
}

#[test]
fn a_day_has_so_many_calls_and_the_next_has_them_again() {
    let mut bucket = Bucket::new(100.0, Some(3), hour(1));
    let today = Day::of(hour(1));
    bucket.resume(Day { used: 1, ..today }, None, hour(1));
    bucket.resume(Day { number: today.number - 1, used: 9, swept: 9 }, None, hour(1));
    let ticket = bucket.take(Purpose::Work, hour(1)).unwrap();
    bucket.take(Purpose::Work, hour(1)).unwrap();
    assert_eq!(bucket.take(Purpose::Work, hour(2)), Err(hour(24)), "used up until midnight");
    assert_eq!(bucket.paused_until(hour(2)), Some(hour(24)));
    bucket.give_back(ticket);
    assert!(bucket.take(Purpose::Work, hour(2)).is_ok(), "what was given back can be used");
    assert!(bucket.take(Purpose::Work, hour(24)).is_ok());
    assert_eq!((counts(&mut bucket, hour(25)), bucket.paused_until(hour(25))), ((1, 0), None));
}

#[test]
fn a_day_is_divided() {
    // What passes of 80 calls: sweeps first, then work, then the rest of what was begun.
    let mut bucket = Bucket::new(100.0, Some(80), hour(0));
    assert_eq!(bucket.sweeps_left(hour(0)), Some(12));
    assert_eq!(passes(&mut bucket, Purpose::Sweep, hour(0)), 12, "15 of 100");
    assert_eq!(bucket.take(Purpose::Sweep, hour(1)), Err(hour(24)));
    assert_eq!(bucket.paused_until(hour(1)), None, "edits go on");
    assert_eq!(passes(&mut bucket, Purpose::Work, hour(1)), 64, "all but the reserve");
    assert_eq!(bucket.paused_until(hour(2)), Some(hour(24)));
    assert_eq!(passes(&mut bucket, Purpose::Finish, hour(2)), 4);
    assert_eq!(counts(&mut bucket, hour(3)), (80, 12));
    assert_eq!(bucket.sweeps_left(hour(24)), Some(12), "the next day");
    // Work may use what sweeps leave, and then there is nothing left for them.
    assert_eq!(passes(&mut bucket, Purpose::Work, hour(24)), 76);
    assert_eq!(bucket.sweeps_left(hour(25)), Some(0));
    assert_eq!(bucket.take(Purpose::Sweep, hour(25)), Err(hour(48)));
}

#[test]
fn sweeps_make_one_call_a_second() {
    let mut bucket = Bucket::new(100.0, None, ms(0));
    let swept = (0..10_000).step_by(10).filter(|t| bucket.take(Purpose::Sweep, ms(*t)).is_ok()).count();
    assert_eq!(swept, 10);
    assert_eq!(bucket.sweeps_left(ms(0)), None);
}

#[test]
fn a_permit_can_become_a_sweeps() {
    // Of 20 calls sweeps have three.
    let mut bucket = Bucket::new(100.0, Some(20), hour(0));
    for n in 0..3 {
        let mut ticket = bucket.take(Purpose::Work, minute(n)).unwrap();
        assert_eq!(bucket.rebook(&mut ticket, minute(n)), Ok(()));
    }
    assert_eq!(counts(&mut bucket, hour(1)), (3, 3));
    let mut ticket = bucket.take(Purpose::Work, minute(9)).unwrap();
    assert_eq!(bucket.rebook(&mut ticket, minute(9)), Err(hour(24)));
    bucket.give_back(ticket);
    assert_eq!(counts(&mut bucket, hour(1)), (3, 3));
}

/// Which of a day's minutes have a call, of workers that ask every minute and are told by `answer`.
fn probes(bucket: &mut Bucket, minutes: std::ops::Range<i64>, quota: Quota) -> Vec<i64> {
    let mut made = Vec::new();
    for n in minutes {
        for purpose in [Purpose::Sweep, Purpose::Work, Purpose::Finish] {
            if bucket.take(purpose, minute(n)).is_ok() {
                made.push(n);
                bucket.used_up(quota, minute(n + 1), minute(n));
            }
        }
    }
    made
}

#[test]
fn what_the_service_calls_used_up_is_probed_once_an_hour() {
    let mut bucket = Bucket::new(100.0, None, minute(0));
    for _ in 0..30 {
        bucket.take(Purpose::Work, minute(0)).unwrap();
    }
    for _ in 0..5 {
        bucket.used_up(Quota::Day, minute(60), minute(0));
    }
    assert_eq!(bucket.per_day(), Some(29), "the count is the day's limit");
    // Answers to calls that had left before say nothing.
    for _ in 0..25 {
        bucket.succeeded(minute(0), minute(0));
    }
    assert_eq!(bucket.paused_until(minute(1)), Some(minute(60)));
    assert_eq!(probes(&mut bucket, 1..240, Quota::Day), [60, 120, 180]);

    // One that is answered well opens again.
    bucket.take(Purpose::Work, minute(240)).unwrap();
    assert!(bucket.take(Purpose::Work, minute(240)).is_err(), "until it is answered there is no other");
    bucket.succeeded(minute(240), minute(240));
    assert!(bucket.take(Purpose::Work, minute(240)).is_ok());
    assert_eq!((bucket.per_day(), bucket.shut()), (None, None));
}

#[test]
fn a_probe_that_was_not_made_can_be_made() {
    let mut bucket = Bucket::new(100.0, None, minute(0));
    bucket.take(Purpose::Work, minute(0)).unwrap();
    bucket.used_up(Quota::Month, minute(60), minute(0));
    let ticket = bucket.take(Purpose::Work, minute(61)).unwrap();
    bucket.give_back(ticket);
    let mut ticket = bucket.take(Purpose::Work, minute(62)).unwrap();
    assert_eq!(bucket.rebook(&mut ticket, minute(62)), Ok(()), "it may be a sweep's");
    assert_eq!(bucket.take(Purpose::Work, minute(63)), Err(minute(122)));
}

#[test]
fn a_day_ends_what_was_assumed_of_it_and_a_months_end_is_probed() {
    for (quota, want) in
        [(Quota::Day, vec![24 * 60, 25 * 60]), (Quota::Month, vec![24 * 60 + 30, 25 * 60 + 30])]
    {
        let mut bucket = Bucket::new(100.0, None, minute(0));
        bucket.take(Purpose::Work, minute(23 * 60 + 30)).unwrap();
        bucket.used_up(quota, minute(0), minute(23 * 60 + 30));
        assert_eq!(probes(&mut bucket, 23 * 60 + 31..26 * 60, quota), want, "{quota:?}");
    }
}

#[test]
fn a_restart_goes_on_where_the_process_before_was() {
    let today = Day::of(hour(1));
    let shut = |quota, probe| Shut { quota, assumed: 50, probe };
    let day = |number, used| Day { number, used, swept: 2 };
    let rows = [
        ("the same day", day(today.number, 50), Some(shut(Quota::Day, minute(90))), Some(minute(90)), 50),
        ("another day", day(today.number - 1, 50), Some(shut(Quota::Day, minute(90))), None, 0),
        (
            "the same month",
            day(today.number - 1, 50),
            Some(shut(Quota::Month, minute(90))),
            Some(minute(90)),
            0,
        ),
        ("a probe that is overdue", day(today.number, 50), Some(shut(Quota::Day, minute(5))), None, 50),
        (
            "a probe in a far future",
            day(today.number, 9),
            Some(shut(Quota::Day, hour(999))),
            Some(hour(2)),
            9,
        ),
        ("all well", day(today.number, 7), None, None, 7),
    ];
    for (name, earlier, shut, paused, used) in rows {
        let mut bucket = Bucket::new(5.0, None, hour(1));
        bucket.resume(earlier, shut, hour(1));
        assert_eq!((bucket.paused_until(hour(1)), bucket.day(hour(1)).used), (paused, used), "{name}");
    }
}

#[test]
fn a_fault_names_its_quota() {
    let fault = |class, code: &str, message: &str| crate::fault::Fault {
        class,
        code: code.to_owned(),
        message: message.to_owned(),
        request_id: None,
        retry_after: None,
    };
    use crate::fault::Class;
    let rows = [
        (fault(Class::Quota, "Throttling.Api.Risk", "used up"), Some(Quota::Day)),
        (fault(Class::Quota, "Throttling.Resource", "used up"), Some(Quota::Month)),
        (fault(Class::Quota, "9990020002", "Throttling.Resource"), Some(Quota::Month)),
        (fault(Class::Throttled, "Throttling.User", ""), None),
    ];
    for (fault, want) in rows {
        assert_eq!(Quota::of(&fault), want, "{fault:?}");
    }
}

#[test]
fn looks_are_as_far_apart_as_the_share_needs() {
    let hours = SignedDuration::from_hours;
    let rows = [
        ("no limit", hours(1), 500, None, Some(hours(1))),
        ("one page, twelve calls", hours(1), 1, Some(12), Some(hours(2))),
        ("three workspaces of two pages", hours(1), 6, Some(12), Some(hours(12))),
        ("more than a day's share", hours(1), 24, Some(12), Some(hours(48))),
        ("wanted more seldom than needed", hours(6), 1, Some(12), Some(hours(6))),
        ("rounded up", hours(0), 1, Some(7), Some(SignedDuration::from_secs(12_343))),
        ("nothing to list", hours(1), 0, Some(12), Some(hours(1))),
        ("no share", hours(1), 1, Some(0), None),
    ];
    for (name, wanted, pages, share, want) in rows {
        assert_eq!(looks_apart(wanted, pages, share), want, "{name}");
    }
    assert_eq!([0, 6, 7, 80, 1_000].map(sweeps_a_day), [0, 0, 1, 12, 150]);
}

#[test]
fn other_figures_hold_at_once_and_forget_nothing() {
    let mut bucket = Bucket::new(10.0, None, ms(0));
    assert_eq!(calls(&mut bucket, 0, 10), 1);
    bucket.configure(2.0, Some(100), ms(10));
    assert_eq!((bucket.rate(), bucket.per_day(), counts(&mut bucket, ms(10))), (2.0, Some(100), (1, 0)));
    // The burst of the old rate is not to be had any more.
    assert_eq!(calls(&mut bucket, 10, 500), 2);
    // What throttling taught is kept, within what is configured.
    bucket.configure(10.0, None, ms(500));
    bucket.throttled(ms(500), None, ms(500));
    let slowed = bucket.rate();
    bucket.configure(20.0, None, ms(500));
    assert_eq!(bucket.rate(), slowed);
    bucket.configure(1.0, None, ms(500));
    assert_eq!(bucket.rate(), 1.0);
}

#[test]
fn polls_leave_the_last_fifth_of_a_day_to_edits() {
    let mut bucket = Bucket::new(10.0, Some(80), hour(0));
    assert_eq!(passes(&mut bucket, Purpose::Poll, hour(0)), 64, "80 of 100");
    assert_eq!(bucket.take(Purpose::Poll, hour(1)), Err(hour(24)));
    assert_eq!(passes(&mut bucket, Purpose::Work, hour(2)), 12, "but for the reserve");
    assert_eq!(counts(&mut bucket, hour(3)), (76, 0), "they are none of the sweeps'");
}
