//! The database: whether it answers, is what we need, is up to date; and the mail that waits in it.

use sqlx::{Connection as _, PgConnection};
use time::OffsetDateTime;

use super::machine::CLOCK;
use super::{Finding, PATIENCE, retention};
use crate::database::{Database, Inspection, Migrations, beside, embedded, inspect, migrations};
use crate::membership::in_utc;
use crate::outbox::{self, MOST_CONNECTIONS, QueueStats, RelayState};
use crate::settings::{DatabaseChoice, Settings};
use crate::watch::TOO_LONG as WAITS;
use crate::{error_chain, single_line};

const DATABASE: &str = "Database";
const MIGRATIONS: &str = "Migrations";
const MAIL: &str = "Mail";

/// A relay that asks to be tried later (greylisting) is well within it; then somebody should know.
const TOO_LONG: time::Duration = time::Duration::hours(1);

/// How far two clocks may be apart, in seconds.
const APART: i64 = 5;

/// Everything about it. An embedded one is looked at where its site runs: to start it would make it.
pub(super) async fn all(settings: &Settings) -> Vec<Finding> {
    let choice = beside(&settings.database);
    let looking = async {
        match &choice {
            DatabaseChoice::Embedded(home) => Ok(vec![not_running(home)]),
            DatabaseChoice::Url { options, .. } => {
                // The pool would wait, and not say why.
                PgConnection::connect_with(options).await?.close().await?;
                look(&choice, settings.retention_days).await
            }
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => vec![unusable(&error)],
        Err(_) => vec![unreachable("it does not answer")],
    }
}

fn not_running(home: &std::path::Path) -> Finding {
    let programs = embedded::version(home);
    match programs {
        Err(error) => Finding::bad(
            DATABASE,
            format!("{error}."),
            "Install that PostgreSQL (Debian: sudo apt-get install postgresql), or set DATABASE_URL.",
        ),
        Ok(version) => Finding::doubtful(
            DATABASE,
            format!(
                "the embedded one in {} is not running; PostgreSQL {version} is there for it.",
                home.display()
            ),
            "Start the site and look again: it starts and makes the database by itself.",
        ),
    }
}

/// What a role may not (PostgreSQL, appendix A).
const INSUFFICIENT_PRIVILEGE: &str = "42501";

fn unusable(error: &anyhow::Error) -> Finding {
    let database = error.downcast_ref().and_then(sqlx::Error::as_database_error);
    if database.is_some_and(|error| error.code().is_some_and(|code| code == INSUFFICIENT_PRIVILEGE)) {
        let advice = "Make the user of DATABASE_URL the owner of the database, and of the tables in it.";
        return Finding::bad(
            DATABASE,
            format!("it does not let us: {}.", error_chain(error.as_ref())),
            advice,
        );
    }
    unreachable(&error_chain(error.as_ref()))
}

fn unreachable(why: &str) -> Finding {
    Finding::bad(
        DATABASE,
        format!("it cannot be used: {why}."),
        "Look whether PostgreSQL runs (Debian: sudo systemctl status postgresql), and at host, name, user and password in \
         DATABASE_URL. By a socket, the user of this process must be the user in the database (sudo npoc sees to that).",
    )
}

async fn look(choice: &DatabaseChoice, retention_days: Option<u16>) -> anyhow::Result<Vec<Finding>> {
    let database = Database::at(choice).await?;
    let mut session = database.pool.session().await?;
    let inspection = inspect(&mut session).await?;
    let migrations = migrations(&mut session).await?;
    session.end().await?;
    let mut findings = vec![server(&inspection), clock(&inspection), up_to_date(&migrations)];
    if matches!(migrations, Migrations::All(_)) {
        let mut session = database.pool.session().await?;
        let relay = outbox::relay_state(&mut *session).await?;
        findings.extend(retention::all(&mut session, retention_days).await?);
        session.end().await?;
        findings.extend(mails(&outbox::standing(&database.pool).await?, &relay));
    }
    database.close().await;
    Ok(findings)
}

fn server(found: &Inspection) -> Finding {
    let says = |what: &str| format!("PostgreSQL {} answers{what}.", found.version);
    if !found.will_do {
        Finding::bad(DATABASE, says(" and is too old"), "Version 14 or later is needed.")
    } else if !found.is_utf8 {
        let advice = "Make it anew: createdb --encoding=UTF8 --template=template0 --owner=npoc npoc";
        Finding::bad(DATABASE, says(", but this database is not in UTF-8"), advice)
    } else if found.is_standby {
        Finding::bad(
            DATABASE,
            says(", but it is a standby, which only reads"),
            "Set DATABASE_URL to the primary.",
        )
    } else if found.is_read_only {
        let advice = "Look at default_transaction_read_only there; some providers set it when a disk is full.";
        Finding::bad(DATABASE, says(", but takes no changes"), advice)
    } else if !found.may_store {
        let advice = "Make the user of DATABASE_URL the owner of the tables: REASSIGN OWNED BY … TO npoc";
        Finding::bad(DATABASE, says(", but its user may store nothing there"), advice)
    } else if !found.may_create {
        let advice = "Make its user the owner: ALTER DATABASE npoc OWNER TO npoc";
        Finding::bad(DATABASE, says(", but its user may make no tables there"), advice)
    } else {
        Finding::good(DATABASE, says(""))
    }
}

fn clock(found: &Inspection) -> Finding {
    let apart = (OffsetDateTime::now_utc() - found.now).whole_seconds().abs();
    if apart > APART {
        let says = format!("this machine and the database are {apart} seconds apart.");
        return Finding::bad(
            CLOCK,
            says,
            "Have both set by the network: systemd-timesyncd or chrony.",
        );
    }
    Finding::good(CLOCK, "this machine and the database agree.")
}

fn up_to_date(migrations: &Migrations) -> Finding {
    match migrations {
        Migrations::All(all) => Finding::good(MIGRATIONS, format!("all {all} have run.")),
        Migrations::None => Finding::doubtful(
            MIGRATIONS,
            "the database is empty.",
            "The first start of the site makes its tables, as npoc migrate does.",
        ),
        Migrations::Missing(missing) => Finding::doubtful(
            MIGRATIONS,
            format!("{missing} have not run yet."),
            "The next start of the site runs them, as npoc migrate does. Make a backup before.",
        ),
        Migrations::FromNewer => Finding::bad(
            MIGRATIONS,
            "a newer npoc has brought the database further than this one knows.",
            "Install that version again, or restore the backup from before.",
        ),
        Migrations::Changed => Finding::bad(
            MIGRATIONS,
            "one ran with other words than this npoc has.",
            "Install the npoc that it came with.",
        ),
    }
}

fn mails(stats: &QueueStats, relay: &RelayState) -> Vec<Finding> {
    let mut findings = vec![waiting(stats)];
    findings.extend(refused(stats));
    findings.extend(bounced(stats));
    findings.extend(failing(relay));
    findings
}

fn waiting(stats: &QueueStats) -> Finding {
    let QueueStats {
        waiting,
        given_up,
        held,
        oldest_waits,
        ..
    } = *stats;
    let since = match waiting {
        0 => String::new(),
        _ => format!(" (the oldest for {} minutes)", oldest_waits.whole_minutes()),
    };
    let says = format!("{waiting} waiting{since}, {given_up} given up, {held} held.");
    let advice = "sudo npoc mail list says which and why; sudo npoc mail retry makes them due.";
    if oldest_waits > TOO_LONG {
        Finding::bad(MAIL, says, advice)
    } else if oldest_waits > WAITS || given_up + held > 0 {
        Finding::doubtful(MAIL, says, advice)
    } else {
        Finding::good(MAIL, says)
    }
}

fn refused(stats: &QueueStats) -> Option<Finding> {
    (stats.refused > 0).then(|| {
        Finding::bad(
            MAIL,
            format!("the relay refuses {} because of our login, sender or reputation.", stats.refused),
            "sudo npoc mail list --state refused says why. The mails wait, and none loses a try. After the repair: sudo npoc \
             mail retry.",
        )
    })
}

fn bounced(stats: &QueueStats) -> Option<Finding> {
    let says = format!(
        "{} sent within 30 days came back, {} of them to staff.",
        stats.bounced, stats.staff_bounced
    );
    let advice = "sudo npoc mail list --state bounced says which and why.";
    match stats {
        QueueStats { bounced: 0, .. } => None,
        QueueStats { staff_bounced: 0, .. } => Some(Finding::doubtful(MAIL, says, advice)),
        _ => {
            let advice = format!("Look at NPOC_STAFF_EMAIL, and whether that mailbox is full. {advice}");
            Some(Finding::bad(MAIL, says, advice))
        }
    }
}

fn failing(relay: &RelayState) -> Option<Finding> {
    let Some(since) = relay.failing_since else {
        let says = format!(
            "the relay bears {} connections at a time, and is given no more.",
            relay.connections
        );
        return (usize::try_from(relay.connections).unwrap_or_default() < MOST_CONNECTIONS)
            .then(|| Finding::good(MAIL, says));
    };
    let why = relay.last_error.as_deref().unwrap_or("no reason is known");
    let says = format!("no mail has gone out since {}: {}.", in_utc(since), single_line(why));
    let advice = "The lines on the relay below say what to do. Mail waits and keeps all its tries.";
    Some(Finding::bad(MAIL, says, advice))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn usual() -> Inspection {
        Inspection {
            version: "15.14".into(),
            will_do: true,
            is_utf8: true,
            is_standby: false,
            is_read_only: false,
            may_create: true,
            may_store: true,
            now: OffsetDateTime::now_utc(),
        }
    }

    /// What is found of a server that lacks something.
    fn found(lacking: impl Fn(&mut Inspection)) -> (Verdict, String) {
        let mut inspection = usual();
        lacking(&mut inspection);
        let found = server(&inspection);
        (
            found.verdict,
            format!("{} {}", found.says, found.advice.unwrap_or_default()),
        )
    }

    #[test]
    fn a_server_is_good_that_has_all_we_need_and_bad_that_lacks_any_of_it() {
        assert_eq!(found(|_| ()).0, Verdict::Good);
        for ((verdict, whole), words) in [
            (found(|server| server.will_do = false), "14"),
            (found(|server| server.is_utf8 = false), "UTF-8"),
            (found(|server| server.is_standby = true), "standby"),
            (found(|server| server.is_read_only = true), "no changes"),
            (found(|server| server.may_create = false), "no tables"),
            (found(|server| server.may_store = false), "store nothing"),
        ] {
            assert!(verdict == Verdict::Bad && whole.contains(words), "{whole}");
        }
    }

    #[test]
    fn clocks_that_are_apart_are_bad_either_way() {
        for (seconds, verdict) in [
            (0, Verdict::Good),
            (-3, Verdict::Good),
            (60, Verdict::Bad),
            (-60, Verdict::Bad),
        ] {
            let now = OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
            assert_eq!(clock(&Inspection { now, ..usual() }).verdict, verdict, "{seconds}");
        }
    }
}
