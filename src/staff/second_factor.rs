//! The second factor: a code of six digits from an authenticator app (TOTP, RFC 6238).

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::{Color, QrCode};
use sqlx::PgConnection;
use totp_rs::Totp;

use super::Role;
use super::log::{Outcome, add_line};

/// The octets of a key (RFC 4226, section 4).
const KEY_LENGTH: usize = 20;

/// The name of the account in an authenticator app.
const ISSUER: &str = "NPOC desk";

/// The blank modules around a QR code.
const MARGIN: usize = 4;

/// Who needs a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactorRule {
    /// People who decide, and others who set one up.
    Deciders,
    /// All staff.
    All,
    /// Nobody.
    None,
}

impl SecondFactorRule {
    /// Parses the name in the settings.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "deciders" => Some(Self::Deciders),
            "all" => Some(Self::All),
            "none" => Some(Self::None),
            _ => None,
        }
    }

    /// Returns whether a member needs a second factor to sign in.
    pub(super) fn asks(self, role: Role, has_one: bool) -> bool {
        match self {
            Self::Deciders => has_one || role >= Role::Decider,
            Self::All => true,
            Self::None => false,
        }
    }
}

/// The key that an authenticator app shares with the site.
#[derive(Clone, PartialEq, Eq)]
pub struct AppKey(Vec<u8>);

impl std::fmt::Debug for AppKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("AppKey")
    }
}

impl AppKey {
    pub(super) fn random() -> Self {
        Self(rand::random::<[u8; KEY_LENGTH]>().to_vec())
    }

    pub(super) fn stored(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Returns the key as people type it, in groups of four.
    #[must_use]
    pub fn shown(&self) -> String {
        let text = self.base32();
        let letters: Vec<char> = text.chars().collect();
        let groups = letters.chunks(4).map(|group| group.iter().collect::<String>());
        groups.collect::<Vec<_>>().join(" ")
    }

    /// Returns the address that a QR code hands to the app.
    #[must_use]
    pub fn address(&self, account: &str) -> String {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        format!(
            "otpauth://totp/{}:{}?secret={}&issuer={}",
            encode(ISSUER),
            encode(account),
            self.base32(),
            encode(ISSUER)
        )
    }

    /// Returns the period of 30 seconds whose code this is: the present one, or one beside it.
    pub(super) fn period_of(&self, typed: &str, now: i64) -> Option<i64> {
        let digits: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let totp = totp_rs::Builder::new().with_secret(self.0.clone()).build().ok()?;
        let period = Totp::check(&totp, &digits, u64::try_from(now).ok()?)?;
        i64::try_from(period).ok()
    }

    fn base32(&self) -> String {
        totp_rs::Secret::from(self.0.clone()).to_base32()
    }
}

/// A QR code as the drawing of an SVG: one path of the runs of dark modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// The width and height, in modules.
    pub size: usize,
    /// The value of the attribute `d`.
    pub path: String,
}

impl Drawing {
    /// Draws a text; `None` if it is too long for a QR code.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::new(text).ok()?;
        let colors = code.to_colors();
        let rows = colors.chunks(code.width()).zip(MARGIN..);
        let path = rows.map(|(row, y)| dark_runs(row, y)).collect();
        let size = code.width() + 2 * MARGIN;
        Some(Self { size, path })
    }
}

/// Returns the dark runs of a row.
fn dark_runs(row: &[Color], y: usize) -> String {
    let runs = row.chunk_by(PartialEq::eq).scan(MARGIN, |next, run| {
        let x = std::mem::replace(next, *next + run.len());
        Some((x, run))
    });
    let dark = runs.filter(|(_, run)| run[0] == Color::Dark);
    let path = dark.map(|(x, run)| format!("M{x} {y}h{0}v1h-{0}z", run.len()));
    path.collect::<Vec<_>>().concat()
}

/// The wrong codes of one member in a day, after which no code is right. An administrator can reset the second factor.
const WRONG_CODES_A_DAY: i64 = 20;

/// Returns whether the code is right for the key that a member has, and was not used before; otherwise logs it. Locks the
/// member's account.
pub(super) async fn use_code(connection: &mut PgConnection, staff_id: i64, typed: &str) -> sqlx::Result<bool> {
    let is_right = check_code(connection, staff_id, typed).await?;
    if !is_right {
        add_line(connection, Some(staff_id), "second-factor", None, Outcome::Refused).await?;
    }
    Ok(is_right)
}

/// Counts the members who gave no right code after a wrong one in the last day. Several at once mean that the clock is wrong.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn wrong_codes(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(DISTINCT staff_id) AS "count!" FROM desk_log AS wrong
        WHERE action IN ('second-factor', 'second-factor-set') AND outcome = 'refused'
            AND happened_at BETWEEN now() - interval '1 day' AND now() + interval '1 minute'
            AND NOT EXISTS (SELECT FROM desk_sessions WHERE staff_id = wrong.staff_id
                AND confirmed_at > wrong.happened_at)"#
    )
    .fetch_one(connection)
    .await
}

/// Counts the wrong codes of a member in the last day, since an app was set up.
async fn wrong_codes_of(connection: &mut PgConnection, staff_id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM desk_log
        WHERE staff_id = $1 AND action = 'second-factor' AND outcome = 'refused'
            AND happened_at BETWEEN now() - interval '1 day' AND now() + interval '1 minute'
            AND id > (SELECT coalesce(max(id), 0) FROM desk_log
                WHERE staff_id = $1 AND action = 'second-factor-set' AND outcome = 'done')"#,
        staff_id
    )
    .fetch_one(connection)
    .await
}

async fn check_code(connection: &mut PgConnection, staff_id: i64, typed: &str) -> sqlx::Result<bool> {
    let member = sqlx::query!(
        r#"SELECT second_factor, second_factor_step, extract(epoch FROM clock_timestamp())::bigint AS "now!"
        FROM staff WHERE id = $1 AND disabled_at IS NULL FOR NO KEY UPDATE"#,
        staff_id
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(member) = member else { return Ok(false) };
    // Counted under the lock, so that many at once are no more tries.
    if wrong_codes_of(connection, staff_id).await? >= WRONG_CODES_A_DAY {
        return Ok(false);
    }
    let key = member.second_factor.map(AppKey::stored);
    let period = key.and_then(|key| key.period_of(typed, member.now));
    let Some(period) = period.filter(|period| *period > member.second_factor_step) else {
        return Ok(false);
    };
    sqlx::query!(
        "UPDATE staff SET second_factor_step = $2 WHERE id = $1",
        staff_id,
        period
    )
    .execute(connection)
    .await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 6238, appendix B.
    fn key() -> AppKey {
        AppKey::stored(b"12345678901234567890".to_vec())
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(key().period_of(code, time), Some(time / 30), "{time}");
        }
    }

    #[test]
    fn a_code_is_read_with_spaces_in_its_period_and_those_beside_it() {
        for (typed, now, period) in [
            (" 287 082 ", 59, Some(1)),
            ("287-082", 0, Some(1)),
            ("287082", 89, Some(1)),
            ("287082", 90, None),
            ("", 59, None),
            ("28708", 59, None),
            ("2870820", 59, None),
            ("２８７０８２", 59, None),
            ("287082", -1, None),
        ] {
            assert_eq!(key().period_of(typed, now), period, "{typed} {now}");
        }
    }

    #[test]
    fn app_reads_the_key_from_the_address() {
        assert_eq!(key().shown(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert_eq!(
            key().address("ann@npoc.test"),
            "otpauth://totp/NPOC%20desk:ann%40npoc%2Etest?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=NPOC%20desk"
        );
        let drawing = Drawing::of(&key().address("ann@npoc.test")).unwrap();
        assert!(drawing.path.starts_with("M4 4h7v1h-7z"), "{}", drawing.path);
        assert_eq!(Drawing::of(&"x".repeat(4000)), None);
    }

    #[test]
    fn people_who_decide_need_a_second_factor() {
        use SecondFactorRule::{All, Deciders, None};
        for (rule, role, has_one, asks) in [
            (Deciders, Role::Reviewer, false, false),
            (Deciders, Role::Reviewer, true, true),
            (Deciders, Role::Decider, false, true),
            (Deciders, Role::Administrator, false, true),
            (All, Role::Reader, false, true),
            (None, Role::Administrator, true, false),
        ] {
            assert_eq!(rule.asks(role, has_one), asks, "{rule:?} {role:?} {has_one}");
        }
    }
}
