//! When a mail that failed is tried again, and when no more.

use std::time::Duration;

use rand::RngExt as _;

use crate::mailer::Failure;

/// The wait after each failed try, before jitter: five seconds, ten, a minute, five, fifteen, an
/// hour, three, six, then every twelve hours, six times: 82 hours in all, so at least 74 with the
/// shortest jitter. Afterwards a mail is given up, or tried on at the last pace if a refusal is
/// not final for it.
const WAITS: [Duration; 14] = [
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

/// Each wait is lengthened or shortened by up to this part, so that many mails that failed
/// together do not come back together.
const JITTER: f64 = 0.1;

/// When to try again after the `attempts`-th try failed; `None`: no more.
pub fn wait_after(attempts: i32, failure: &Failure, refusal_is_final: bool) -> Option<Duration> {
    if failure.is_refusal && refusal_is_final {
        return None;
    }
    let tried = usize::try_from(attempts).unwrap_or_default().saturating_sub(1);
    let wait = WAITS
        .get(tried)
        .or_else(|| WAITS.last().filter(|_| !refusal_is_final))?;
    Some(wait.mul_f64(rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(waits: impl Iterator<Item = f64>) -> f64 {
        waits.sum::<f64>() / 3600.0
    }

    #[test]
    fn a_mail_is_tried_for_at_least_72_hours() {
        assert!(total(WAITS.iter().map(|wait| wait.as_secs_f64() * (1.0 - JITTER))) >= 72.0);
    }

    #[test]
    fn a_refusal_is_final_for_an_applicant_and_never_for_staff() {
        let refusal = Failure {
            is_refusal: true,
            code: Some(550),
            reason: String::new(),
        };
        let outage = Failure::temporary("down");
        assert_eq!(wait_after(1, &refusal, true), None);
        assert!(wait_after(1, &refusal, false).is_some());
        assert_eq!(wait_after(15, &outage, true), None);
        assert!(wait_after(1000, &outage, false).is_some_and(|wait| wait >= Duration::from_hours(10)));
    }
}
