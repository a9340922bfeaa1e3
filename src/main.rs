//! Command line → settings → log → database → serve and deliver → orderly stop.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use npoc::commands::{Command, CommandLine};
use npoc::database::{self, Database, Pool, is_away};
use npoc::mailer::{Mailer, Transport};
use npoc::membership::MailIdentity;
use npoc::outbox::Outbox;
use npoc::settings::{self, DatabaseChoice, Purpose, Settings};
use npoc::web;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a stop may take over what was begun. systemd and people wait ten seconds.
const STOP_LIMIT: Duration = Duration::from_secs(8);

/// The signal for a file that would grow beyond its limit; the same on every kind of Linux that Rust runs on, but for MIPS.
const SIGXFSZ: i32 = 25;

/// How long a start waits for the database before it serves pages without it.
const FIRST_TRY: Duration = Duration::from_secs(4);

#[tokio::main]
async fn main() -> ExitCode {
    // A file that may not grow is an error of its writer, and not the end of the process.
    let _full = signal(SignalKind::from_raw(SIGXFSZ));
    match run(CommandLine::parse()).await {
        Ok(ended) => ended,
        Err(error) if npoc::commands::is_unread(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("npoc: {}", npoc::error_chain(error.as_ref()));
            ExitCode::from(npoc::commands::status(&error))
        }
    }
}

async fn run(said: CommandLine) -> anyhow::Result<ExitCode> {
    let file = settings::file_named(said.settings);
    let settings = |purpose| Settings::from_environment(purpose, file.as_deref());
    match said.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings(Purpose::Serve)?).await?,
        Command::Doctor { json } => {
            let is_well = npoc::commands::doctor(settings(Purpose::Serve), file.as_deref(), json).await?;
            return Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Stored(command) => {
            let settings = settings(Purpose::Command).map_err(|faults| command.without_settings(faults))?;
            npoc::commands::run(command, &settings).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    start_log(&settings);
    let (stop_all, stopping) = watch::channel(false);
    let stopped = tokio::spawn(stop_on_signal(stop_all.clone())?);
    let listener = listen(settings.listen, "NPOC_LISTEN").await?;
    let monitor = match settings.metrics_listen {
        Some(address) => Some(listen(address, "NPOC_METRICS_LISTEN").await?),
        None => None,
    };
    let database = Database::at(&settings.database).await?;
    announce(&settings, &listener);
    let is_up_to_date = migrate_now(&database.pool).await?;
    tell_supervisor(NotifyState::Ready);
    let mailer = Mailer::new(settings.sender(), settings.transport.clone());
    let outbox = Arc::new(Outbox::new(
        database.pool.clone(),
        mailer,
        Arc::new(settings.mail_identity()),
    ));
    if is_up_to_date {
        learn_time(&database.pool, &outbox).await;
    }
    let site = web::Site::new(&settings, database.pool.clone(), &outbox, web::Limits::default())?;
    let mut delivery = tokio::spawn(deliver(
        database.pool.clone(),
        outbox,
        settings.mail_identity(),
        settings.retention_days,
        is_up_to_date,
        stopping.clone(),
    ));
    if let Some(monitor) = monitor {
        tokio::spawn(web::serve_metrics(Arc::clone(&site), monitor, stopping.clone()));
    }
    let last_moment = tokio::spawn(last_moment(stopping.clone()));
    let result = tokio::select! {
        () = web::serve(site, listener, stopping) => Ok(()),
        error = failure(&mut delivery) => Err(error),
        () = database.lost() => Err(anyhow::anyhow!("The embedded PostgreSQL ended by itself; see its log")),
    };
    stopped.abort();
    stop_all.send_replace(true);
    finish(delivery, last_moment).await;
    database.close().await;
    tracing::info!("stopped");
    result
}

async fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("Nothing can listen on {address}; see {setting}"))
}

/// Whether the database is up to date, as far as that is known soon. Pages need none, so they are
/// served without it, and while another start migrates.
async fn migrate_now(pool: &Pool) -> anyhow::Result<bool> {
    match tokio::time::timeout(FIRST_TRY, database::migrate(pool)).await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(error)) if !is_away(&error) => Err(database::not_up_to_date(error)),
        _ => {
            tracing::info!("the database is not up to date yet; pages are served, and it is gone on with");
            Ok(false)
        }
    }
}

/// Before the first application comes, since a machine that has just booted may not know the time.
async fn learn_time(pool: &Pool, outbox: &Outbox) {
    let learning = async {
        let mut session = pool.session().await?;
        outbox.clock().check(&mut session).await?;
        session.end().await
    };
    if let Err(error) = database::within(FIRST_TRY, learning).await {
        tracing::debug!(%error, "the database was not asked for the time");
    }
}

/// Mail can be delivered once the tables are there.
async fn deliver(
    pool: Pool,
    outbox: Arc<Outbox>,
    head: MailIdentity,
    retention_days: Option<u16>,
    is_up_to_date: bool,
    stopping: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    if !is_up_to_date {
        let migrated = database::migrate_when_it_answers(&pool).await;
        migrated.map_err(database::not_up_to_date)?;
    }
    tokio::join!(
        Arc::clone(&outbox).run(stopping.clone()),
        npoc::watch::run(&pool, &outbox, &head, retention_days, stopping)
    );
    Ok(())
}

/// Returns when delivery has ended with a failure, for without it mail would stay unsent unseen.
async fn failure(delivery: &mut JoinHandle<anyhow::Result<()>>) -> anyhow::Error {
    match delivery.await {
        Ok(Ok(())) => std::future::pending().await,
        Ok(Err(error)) => error,
        Err(panic) => panic.into(),
    }
}

/// Returns when a stop has taken as long as it may.
async fn last_moment(mut stopping: watch::Receiver<bool>) {
    if stopping.wait_for(|is_stopping| *is_stopping).await.is_ok() {
        tokio::time::sleep(STOP_LIMIT).await;
    }
}

/// Mails that are being sent are finished: the relay may have them already. Those that take longer become due again.
async fn finish<T>(mut delivery: JoinHandle<T>, last_moment: JoinHandle<()>) {
    if delivery.is_finished() {
        return;
    }
    tokio::select! {
        _ = &mut delivery => {}
        _ = last_moment => delivery.abort(),
    }
}

/// Ctrl-C and SIGTERM stop in order; a second one stops at once.
fn stop_on_signal(stop: watch::Sender<bool>) -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        for attempt in 0.. {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            if attempt > 0 {
                std::process::exit(1);
            }
            tracing::info!("stopping");
            tell_supervisor(NotifyState::Stopping);
            stop.send_replace(true);
        }
    })
}

/// systemd, where that has started us and waits for it.
fn tell_supervisor(state: NotifyState) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

fn start_log(settings: &Settings) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(&settings.log_filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if settings.log_json {
        log.json().init();
    } else {
        log.init();
    }
}

fn announce(settings: &Settings, listener: &TcpListener) {
    let listening = listener.local_addr().unwrap_or(settings.listen);
    tracing::info!("the site is at {} (listening on {listening})", settings.public_url);
    match &settings.database {
        DatabaseChoice::Embedded(home) => tracing::info!("its database is embedded, in {}", home.display()),
        DatabaseChoice::Url { options, .. } => tracing::info!("its database is at {}", options.get_host()),
    }
    match &settings.transport {
        Transport::Folder(folder) => tracing::info!("its mails are files in {}", folder.display()),
        Transport::Smtp(_) => tracing::info!("its mails go to the relay of SMTP_URL"),
    }
}
