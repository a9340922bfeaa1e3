//! The database: whether it answers, is what we need, is up to date; and the mail that waits in it.

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use time::OffsetDateTime;

use super::machine::CLOCK;
use super::{DATABASE, Finding, PATIENCE, retention, server};
use crate::database::embedded::{self, Versions};
use crate::database::{
    COMMAND_CONNECTIONS, Database, DatabaseChoice, HostInspection, Migrations, inspect, inspect_hosts,
    is_out_of_connections, migrations, running_or_configured,
};
use crate::housekeeping::STUCK_AFTER as WAITS;
use crate::membership::in_utc;
use crate::outbox::{self, MOST_CONNECTIONS, QueueStats, RelayState};
use crate::settings::Settings;
use crate::{error_chain, single_line};

const MIGRATIONS: &str = "Migrations";
const MAIL: &str = "Mail";

/// A relay that asks to be tried later (greylisting) is well within it; then somebody should know.
const TOO_LONG: time::Duration = time::Duration::hours(1);

/// How far two clocks may be apart, in seconds.
const APART: i64 = 5;

/// Everything about it. An embedded one is looked at where its site runs: to start it would make it.
pub(super) async fn all(settings: &Settings) -> Vec<Finding> {
    let choice = running_or_configured(&settings.database);
    let mut findings = match &choice {
        DatabaseChoice::Embedded(home) => vec![not_running(home)],
        DatabaseChoice::Url(address) => of_servers(address.hosts(), &choice, settings).await,
    };
    if let DatabaseChoice::Embedded(home) = &settings.database {
        findings.extend(newer_programs(home));
    }
    findings
}

async fn of_servers(hosts: &[PgConnectOptions], choice: &DatabaseChoice, settings: &Settings) -> Vec<Finding> {
    let [only] = hosts else {
        let found = inspect_hosts(hosts).await;
        let mut findings = server::hosts(&found);
        if found.iter().any(HostInspection::takes_writes) {
            findings.extend(in_time(look(choice, settings)).await);
        }
        return findings;
    };
    let looking = async {
        // The pool would wait, and not say why.
        PgConnection::connect_with(only).await?.close().await?;
        look(choice, settings).await
    };
    in_time(looking).await
}

async fn in_time(looking: impl Future<Output = anyhow::Result<Vec<Finding>>>) -> Vec<Finding> {
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => vec![unusable(&error)],
        Err(_) => vec![unreachable("it does not answer")],
    }
}

/// Data that are opened by the programs of their own version alone. A system that is upgraded may lose these.
fn newer_programs(home: &std::path::Path) -> Option<Finding> {
    let Versions { used, newest } = embedded::versions(home).ok()?;
    (used < newest).then(|| {
        let says = format!(
            "the data belong to PostgreSQL {used}, and the newest programs here are {newest}. Without those of {used} the \
             site does not start."
        );
        let advice = format!("Keep them until the data are moved. DEPLOY.md says how: \"{}\".", embedded::MOVING);
        Finding::doubtful(DATABASE, says, advice)
    })
}

fn not_running(home: &std::path::Path) -> Finding {
    match embedded::versions(home) {
        Err(error) => Finding::bad(DATABASE, error.to_string(), "Until then the site does not start."),
        Ok(Versions { used, .. }) => Finding::doubtful(
            DATABASE,
            format!(
                "the embedded one in {} is not running; PostgreSQL {used} is there for it.",
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
    if error.downcast_ref().is_some_and(is_out_of_connections) {
        let says = format!("it has no connection left for us: {}.", error_chain(error.as_ref()));
        return Finding::bad(DATABASE, says, server::FEW_CONNECTIONS);
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

async fn look(choice: &DatabaseChoice, settings: &Settings) -> anyhow::Result<Vec<Finding>> {
    let database = Database::at(choice, COMMAND_CONNECTIONS).await?;
    let mut session = database.pool.session().await?;
    let inspection = inspect(&mut session).await?;
    let migrations = migrations(&mut session).await?;
    session.end().await?;
    let mut findings = server::server(&inspection, settings.database_connections);
    findings.extend([clock(inspection.now), up_to_date(&migrations)]);
    if matches!(migrations, Migrations::All(_)) {
        let mut session = database.pool.session().await?;
        let relay = outbox::relay_state(&mut *session).await?;
        findings.extend(retention::all(&mut session, settings.retention_days).await?);
        session.end().await?;
        findings.extend(mails(&outbox::standing(&database.pool).await?, &relay));
    }
    database.close().await;
    Ok(findings)
}

fn clock(of_database: OffsetDateTime) -> Finding {
    let apart = (OffsetDateTime::now_utc() - of_database).whole_seconds().abs();
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
        Migrations::OtherProgram => Finding::bad(
            MIGRATIONS,
            "another program keeps its tables in this database.",
            "Set DATABASE_URL to a database of the site's own.",
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
        for_digest,
        oldest_waits,
        ..
    } = *stats;
    let since = match waiting {
        0 => String::new(),
        _ => format!(" (the oldest for {} minutes)", oldest_waits.whole_minutes()),
    };
    let digest = match for_digest {
        0 => String::new(),
        _ => format!(", {for_digest} for staff's next digest"),
    };
    let says = format!("{waiting} waiting{since}, {given_up} given up, {held} held{digest}.");
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

    #[test]
    fn clocks_that_are_apart_are_bad_either_way() {
        for (seconds, verdict) in [
            (0, Verdict::Good),
            (-3, Verdict::Good),
            (60, Verdict::Bad),
            (-60, Verdict::Bad),
        ] {
            let now = OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
            assert_eq!(clock(now).verdict, verdict, "{seconds}");
        }
    }
}
