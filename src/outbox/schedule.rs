//! When an email that failed is tried again, and when no more.

use std::time::Duration;

use rand::RngExt as _;

use crate::mailer::Blame;

/// The wait after each try that was charged, before jitter: 82 hours in all, so at least 74 with the shortest jitter.
/// Then an email to an applicant is given up, and one to staff is tried on at the last pace.
pub const WAITS: [Duration; 14] = [
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

/// The longest wait for what somebody has to repair, so that the repair shows within the hour.
pub const LONGEST_FOR_US: Duration = Duration::from_hours(1);

/// The longest wait while nobody knows whether the email or the relay is the reason.
const LONGEST_UNCLEAR: Duration = Duration::from_mins(5);

/// The wait of an email whose recipient is slow, so that others can go first.
const SLOW: Duration = Duration::from_mins(1);

/// The waits of the relay, in seconds, after each failure in a row. All emails wait together, and one of them asks.
pub const RELAY_WAITS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 60.0, 120.0, 300.0];

/// Each wait is lengthened or shortened by up to this part, so that emails that failed together do not come back
/// together.
pub const JITTER: f64 = 0.1;

/// An email's tries so far.
#[derive(Clone, Copy, Debug)]
pub struct Tries {
    /// Tries that count.
    pub charged: i32,
    /// Tries that cost nothing.
    pub postponed: i32,
}

/// What follows a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The email is tried again after this wait; the try counts or not.
    Again {
        /// How long to wait.
        wait: Duration,
        /// Whether the try counts.
        is_charged: bool,
    },
    /// The email is not tried any more.
    GiveUp,
}

impl Next {
    fn at_least(self, shortest: Duration) -> Self {
        match self {
            Self::Again { wait, is_charged } => Self::Again {
                wait: wait.max(shortest),
                is_charged,
            },
            Self::GiveUp => Self::GiveUp,
        }
    }
}

/// What follows a failure of this email. `is_proved`: the relay took other emails since this one's last failure, so a
/// conversation that breaks, or that is slow again, is this email's own fault.
pub fn next(tries: Tries, blame: Blame, is_to_staff: bool, is_proved: bool) -> Next {
    match blame {
        Blame::Slow if is_proved && tries.postponed > 0 => charged(tries, is_to_staff),
        Blame::Slow => uncharged(tries, LONGEST_UNCLEAR).at_least(SLOW),
        Blame::Relay | Blame::Us => uncharged(tries, LONGEST_FOR_US),
        Blame::Unclear if !is_proved => uncharged(tries, LONGEST_UNCLEAR),
        Blame::Recipient if is_to_staff => uncharged(tries, LONGEST_FOR_US),
        Blame::Recipient => Next::GiveUp,
        Blame::Unclear | Blame::RecipientForNow => charged(tries, is_to_staff),
    }
}

fn uncharged(tries: Tries, longest: Duration) -> Next {
    let wait = nth_wait(tries.charged.saturating_add(tries.postponed)).unwrap_or(longest);
    postponed(wait.min(longest))
}

fn postponed(wait: Duration) -> Next {
    Next::Again {
        wait: with_jitter(wait),
        is_charged: false,
    }
}

fn charged(tries: Tries, is_to_staff: bool) -> Next {
    let last = WAITS.last().copied().filter(|_| is_to_staff);
    match nth_wait(tries.charged).or(last) {
        Some(wait) => Next::Again {
            wait: with_jitter(wait),
            is_charged: true,
        },
        None => Next::GiveUp,
    }
}

fn nth_wait(tries_before: i32) -> Option<Duration> {
    WAITS.get(usize::try_from(tries_before).unwrap_or_default()).copied()
}

/// A little more or less.
pub fn with_jitter(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Tries = Tries {
        charged: 0,
        postponed: 0,
    };

    fn after(charged: i32, postponed: i32) -> Tries {
        Tries { charged, postponed }
    }

    fn wait(next: Next) -> Option<(Duration, bool)> {
        match next {
            Next::Again { wait, is_charged } => Some((wait, is_charged)),
            Next::GiveUp => None,
        }
    }

    #[test]
    fn an_email_is_tried_for_at_least_72_hours() {
        let hours: f64 = WAITS
            .iter()
            .map(|wait| wait.as_secs_f64() * (1.0 - JITTER) / 3600.0)
            .sum();
        assert!(hours >= 72.0, "{hours}");
    }

    #[test]
    fn only_a_recipient_ends_the_tries_and_never_those_to_staff() {
        assert_eq!(next(NEW, Blame::Recipient, false, true), Next::GiveUp);
        assert_eq!(next(after(14, 0), Blame::RecipientForNow, false, true), Next::GiveUp);
        assert_eq!(next(after(14, 0), Blame::Unclear, false, true), Next::GiveUp);
        for blame in [Blame::Recipient, Blame::RecipientForNow, Blame::Unclear] {
            assert!(wait(next(after(1000, 0), blame, true, true)).is_some(), "{blame:?}");
        }
        let (slowly, _) = wait(next(after(1000, 0), Blame::RecipientForNow, true, true)).unwrap();
        assert!(slowly >= Duration::from_hours(10));
    }

    #[test]
    fn what_speaks_of_us_or_of_the_relay_costs_no_try() {
        for blame in [Blame::Relay, Blame::Us] {
            for tries in [NEW, after(14, 0), after(3, 1_000_000), after(i32::MAX, i32::MAX)] {
                let (wait, is_charged) = wait(next(tries, blame, false, true)).unwrap();
                assert!(
                    !is_charged && wait <= Duration::from_mins(66),
                    "{blame:?} {tries:?} {wait:?}"
                );
            }
        }
    }

    #[test]
    fn a_slow_recipient_is_charged_when_slow_again_while_others_go() {
        let first = wait(next(NEW, Blame::Slow, false, true)).unwrap();
        assert!(!first.1 && first.0 >= Duration::from_mins(1), "{first:?}");
        assert!(wait(next(after(0, 1), Blame::Slow, false, true)).unwrap().1);
        assert!(
            !wait(next(after(0, 1), Blame::Slow, false, false)).unwrap().1,
            "nobody knows"
        );
        assert_eq!(next(after(14, 1), Blame::Slow, false, true), Next::GiveUp);
    }

    #[test]
    fn an_unclear_failure_is_charged_once_the_relay_took_others() {
        let (_, is_charged) = wait(next(NEW, Blame::Unclear, false, true)).unwrap();
        assert!(is_charged);
        let (wait, is_charged) = wait(next(after(2, 500), Blame::Unclear, false, false)).unwrap();
        assert!(!is_charged && wait <= Duration::from_secs(330), "{wait:?}");
    }
}
