//! The retry schedule: when an email that failed is tried again, and when it is given up.

use std::time::Duration;

use rand::RngExt as _;

use crate::mailer::{Blame, Purpose};

/// The wait after each charged try, before jitter: 82 hours in all, and at least 74 with jitter. Then an email to an
/// applicant is given up. An email to staff is tried on with the last wait.
pub const RETRY_WAITS: [Duration; 14] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(3),
    Duration::from_hours(6),
    Duration::from_hours(12),
    Duration::from_hours(12),
    Duration::from_hours(12),
    Duration::from_hours(12),
    Duration::from_hours(12),
    Duration::from_hours(12),
];

/// The longest wait if an operator has to repair something. The repair takes effect within the hour.
pub const MAX_WAIT_FOR_US: Duration = Duration::from_hours(1);

/// The longest wait while the cause may be the email or the relay.
const MAX_WAIT_UNCLEAR: Duration = Duration::from_mins(5);

/// The shortest wait of an email whose recipient is slow, so that others can go first.
const MIN_WAIT_SLOW: Duration = Duration::from_mins(1);

/// The wait after each failure of the relay in a row, in seconds. Every email waits, and then one tests the relay.
pub const RELAY_WAITS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 60.0, 120.0, 300.0];

/// The largest jitter, as a fraction of the wait: emails that failed together are not retried together.
pub const JITTER: f64 = 0.1;

/// An email's tries so far.
#[derive(Clone, Copy, Debug)]
pub struct Tries {
    /// Tries that counted.
    pub charged: i32,
    /// Tries that did not count.
    pub postponed: i32,
}

/// What a failed try costs its email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// One of its tries.
    OneTry,
    /// Nothing, because the failure may be ours or the relay's.
    Nothing,
}

/// The decision after a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The email is tried again.
    Retry {
        /// How long it waits.
        wait: Duration,
        /// What the try cost.
        cost: Cost,
    },
    /// The email is not tried any more.
    GiveUp,
}

/// Decides what follows a failure of this email. `took_others`: the relay took other emails since this email failed last.
/// Then a conversation that breaks, or is slow again, counts against this email.
pub fn decide(tries: Tries, blame: Blame, purpose: Purpose, took_others: bool) -> Decision {
    match blame {
        Blame::Slow if took_others && tries.postponed > 0 => charged(tries, purpose),
        Blame::Slow => uncharged(tries, MIN_WAIT_SLOW, MAX_WAIT_UNCLEAR),
        Blame::Relay | Blame::Us => uncharged(tries, Duration::ZERO, MAX_WAIT_FOR_US),
        Blame::Unclear if !took_others => uncharged(tries, Duration::ZERO, MAX_WAIT_UNCLEAR),
        Blame::Recipient if purpose.is_to_staff() => uncharged(tries, Duration::ZERO, MAX_WAIT_FOR_US),
        Blame::Recipient => Decision::GiveUp,
        Blame::Unclear | Blame::RecipientForNow => charged(tries, purpose),
    }
}

fn uncharged(tries: Tries, shortest: Duration, longest: Duration) -> Decision {
    let wait = nth_wait(tries.charged.saturating_add(tries.postponed)).unwrap_or(longest);
    Decision::Retry {
        wait: with_jitter(wait.min(longest)).max(shortest),
        cost: Cost::Nothing,
    }
}

fn charged(tries: Tries, purpose: Purpose) -> Decision {
    let last = RETRY_WAITS.last().copied().filter(|_| purpose.is_to_staff());
    match nth_wait(tries.charged).or(last) {
        Some(wait) => Decision::Retry {
            wait: with_jitter(wait),
            cost: Cost::OneTry,
        },
        None => Decision::GiveUp,
    }
}

fn nth_wait(tries_before: i32) -> Option<Duration> {
    RETRY_WAITS
        .get(usize::try_from(tries_before).unwrap_or_default())
        .copied()
}

/// Returns the wait, longer or shorter by up to [`JITTER`].
pub fn with_jitter(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO_STAFF: Purpose = Purpose::Application;
    const TO_APPLICANT: Purpose = Purpose::Confirmation;
    const NEW: Tries = Tries {
        charged: 0,
        postponed: 0,
    };

    fn after(charged: i32, postponed: i32) -> Tries {
        Tries { charged, postponed }
    }

    fn wait(decision: Decision) -> Option<(Duration, Cost)> {
        match decision {
            Decision::Retry { wait, cost } => Some((wait, cost)),
            Decision::GiveUp => None,
        }
    }

    #[test]
    fn an_email_is_tried_for_at_least_72_hours() {
        let hours: f64 = RETRY_WAITS
            .iter()
            .map(|wait| wait.as_secs_f64() * (1.0 - JITTER) / 3600.0)
            .sum();
        assert!(hours >= 72.0, "{hours}");
    }

    #[test]
    fn jitter_makes_a_wait_shorter_or_longer() {
        let wait = Duration::from_secs(100);
        let waits: Vec<Duration> = (0..1000).map(|_| with_jitter(wait)).collect();
        let is_within = |given: &Duration| (90.0..=110.0).contains(&given.as_secs_f64());
        assert!(waits.iter().all(is_within), "{waits:?}");
        assert!(waits.iter().any(|given| *given < wait) && waits.iter().any(|given| *given > wait));
    }

    #[test]
    fn only_a_recipient_ends_the_tries_and_never_for_staff() {
        assert_eq!(decide(NEW, Blame::Recipient, TO_APPLICANT, true), Decision::GiveUp);
        assert_eq!(
            decide(after(14, 0), Blame::RecipientForNow, TO_APPLICANT, true),
            Decision::GiveUp
        );
        assert_eq!(
            decide(after(14, 0), Blame::Unclear, TO_APPLICANT, true),
            Decision::GiveUp
        );
        for blame in [Blame::Recipient, Blame::RecipientForNow, Blame::Unclear] {
            assert!(
                wait(decide(after(1000, 0), blame, TO_STAFF, true)).is_some(),
                "{blame:?}"
            );
        }
        let (slowly, _) = wait(decide(after(1000, 0), Blame::RecipientForNow, TO_STAFF, true)).unwrap();
        assert!(slowly >= Duration::from_hours(10));
    }

    #[test]
    fn our_failures_and_the_relays_cost_no_try() {
        for blame in [Blame::Relay, Blame::Us] {
            for tries in [NEW, after(14, 0), after(3, 1_000_000), after(i32::MAX, i32::MAX)] {
                let (wait, cost) = wait(decide(tries, blame, TO_APPLICANT, true)).unwrap();
                assert_eq!(cost, Cost::Nothing, "{blame:?} {tries:?}");
                assert!(wait <= Duration::from_mins(66), "{blame:?} {tries:?} {wait:?}");
            }
        }
    }

    #[test]
    fn a_recipient_that_is_slow_again_is_charged_a_try() {
        let again = |took_others| {
            wait(decide(after(0, 1), Blame::Slow, TO_APPLICANT, took_others))
                .unwrap()
                .1
        };
        let (first, cost) = wait(decide(NEW, Blame::Slow, TO_APPLICANT, true)).unwrap();
        assert!(first >= Duration::from_mins(1), "{first:?}");
        assert_eq!(cost, Cost::Nothing);
        assert_eq!(again(true), Cost::OneTry);
        assert_eq!(again(false), Cost::Nothing, "the cause is unknown");
        assert_eq!(decide(after(14, 1), Blame::Slow, TO_APPLICANT, true), Decision::GiveUp);
    }

    #[test]
    fn an_unclear_failure_is_charged_once_the_relay_took_others() {
        let (_, cost) = wait(decide(NEW, Blame::Unclear, TO_APPLICANT, true)).unwrap();
        assert_eq!(cost, Cost::OneTry);
        let (wait, cost) = wait(decide(after(2, 500), Blame::Unclear, TO_APPLICANT, false)).unwrap();
        assert_eq!(cost, Cost::Nothing);
        assert!(wait <= Duration::from_secs(330), "{wait:?}");
    }
}
