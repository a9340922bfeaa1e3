//! Command line → settings → log → database → serve and deliver → orderly stop.

#![warn(clippy::print_stderr)] // It panics where standard error is gone.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use npoc::commands::{Command, CommandLine, StoredCommand};
use npoc::database::{self, Database, DatabaseChoice, Pool};
use npoc::mailer::{Mailer, Transport};
use npoc::membership::{MailIdentity, index_for_search};
use npoc::outbox::Outbox;
use npoc::settings::{self, Faults, Purpose, Settings};
use npoc::signals::{self, Stops};
use npoc::standard_error::StandardError;
use npoc::web;
use rustix::fs::Mode;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a stop may take over what was begun. systemd and people wait ten seconds.
const STOP_LIMIT: Duration = Duration::from_secs(8);

/// How long a start waits for the database before it serves pages without it.
const FIRST_TRY: Duration = Duration::from_secs(4);

/// How long the end of the site waits for the reader of its log.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    // What this program writes is for its own user alone, whatever its surroundings are used to.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let ended = match CommandLine::try_parse() {
        Ok(said) => run(said),
        Err(told) => print(&told),
    };
    ended.unwrap_or_else(|error| {
        // Where standard error cannot be written, the status still tells.
        drop(writeln!(io::stderr(), "{}", sentence(&error)));
        ExitCode::from(npoc::commands::exit_status(&error))
    })
}

/// Help and version go to standard output, what is wrong with the command line to standard error.
fn print(told: &clap::Error) -> anyhow::Result<ExitCode> {
    let printed = told.print();
    if told.use_stderr() {
        return Ok(ExitCode::from(2));
    }
    let printed = printed.and_then(|()| io::stdout().flush());
    written(printed.context("Standard output cannot be written"))
}

/// How what was written ends: a reader that leaves is no failure.
fn written(written: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    match written {
        Err(error) if !npoc::commands::is_broken_pipe(&error) => Err(error),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn sentence(error: &anyhow::Error) -> String {
    format!("npoc: {}", npoc::error_chain(error.as_ref()))
}

fn run(said: CommandLine) -> anyhow::Result<ExitCode> {
    let command = said.command.unwrap_or(Command::Serve);
    let purpose = match command {
        Command::Stored(_) => Purpose::Command,
        _ => Purpose::Serve,
    };
    // Before there are threads: what is read from a file goes into the environment.
    let file = settings::file_named(said.settings);
    let settings = Settings::from_environment(purpose, file.as_deref());
    let runtime = Runtime::new().context("The system has no threads for the program")?;
    let ended = runtime.block_on(async {
        signals::ignore_file_size_limit();
        match command {
            Command::Serve => serve(settings?).await,
            Command::Doctor { json } => match npoc::commands::doctor(settings, file.as_deref(), json).await {
                Ok(false) => Ok(ExitCode::FAILURE),
                examined => written(examined.map(drop)),
            },
            Command::Stored(command) => written(run_command(command, settings).await),
        }
    });
    // What still blocks, such as a name that is looked up, is not waited for.
    runtime.shutdown_background();
    ended
}

async fn run_command(command: StoredCommand, settings: Result<Settings, Faults>) -> anyhow::Result<()> {
    let settings = settings.map_err(|faults| command.without_settings(faults))?;
    npoc::commands::run(command, &settings).await
}

/// Serves until told to stop. Why it ended is said here, since a standard error that nobody reads must not hold the
/// process.
async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let log = StandardError::start()?;
    start_log(&settings, &log);
    let ended = serve_until_stopped(settings, &log).await;
    let status = match &ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.say(&sentence(error));
            ExitCode::from(npoc::commands::exit_status(error))
        }
    };
    log.flush(LAST_WORDS);
    Ok(status)
}

async fn serve_until_stopped(settings: Settings, log: &StandardError) -> anyhow::Result<()> {
    let (stop_all, mut stopping) = watch::channel(false);
    let stopped = tokio::spawn(stop_on_signal(Stops::take()?, stop_all.clone(), log.clone()));
    let started = tokio::select! {
        started = start(&settings) => Some(started?),
        _ = stopping.wait_for(|is_stopping| *is_stopping) => None,
    };
    let result = match started {
        Some(started) => serve_started(&settings, started, &stop_all, stopping).await,
        None => Ok(()),
    };
    stopped.abort();
    tracing::info!("stopped");
    result
}

/// What a site needs before it serves.
struct Started {
    listener: TcpListener,
    monitor: Option<TcpListener>,
    database: Database,
    is_up_to_date: bool,
}

async fn start(settings: &Settings) -> anyhow::Result<Started> {
    let listener = listen(settings.listen, "NPOC_LISTEN").await?;
    let monitor = match settings.metrics_listen {
        Some(address) => Some(listen(address, "NPOC_METRICS_LISTEN").await?),
        None => None,
    };
    let database = Database::at(&settings.database, settings.database_connections).await?;
    announce(settings, &listener);
    let is_up_to_date = migrate_now(&database.pool).await?;
    tell_supervisor(NotifyState::Ready);
    Ok(Started {
        listener,
        monitor,
        database,
        is_up_to_date,
    })
}

async fn serve_started(
    settings: &Settings,
    started: Started,
    stop_all: &watch::Sender<bool>,
    stopping: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let Started {
        listener,
        monitor,
        database,
        is_up_to_date,
    } = started;
    let mailer = Mailer::new(settings.sender(), settings.transport.clone());
    let outbox = Arc::new(Outbox::new(
        database.pool.clone(),
        mailer,
        Arc::new(settings.mail_identity()),
    ));
    if is_up_to_date {
        learn_time(&database.pool, &outbox).await;
    }
    let site = web::Site::new(settings, database.pool.clone(), &outbox, web::Limits::default())?;
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
    };
    stop_all.send_replace(true);
    finish(delivery, last_moment).await;
    database.close().await;
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
        Ok(Err(error)) if !error.is_away() => Err(database::not_up_to_date(error)),
        _ => {
            tracing::info!("database is not ready; serving pages while it is tried again");
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
    mut stopping: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    if !is_up_to_date {
        tokio::select! {
            migrated = database::migrate_when_it_answers(&pool) => migrated.map_err(database::not_up_to_date)?,
            _ = stopping.wait_for(|is_stopping| *is_stopping) => return Ok(()),
        }
        learn_time(&pool, &outbox).await;
    }
    database::adapt(&pool).await;
    tokio::join!(
        Arc::clone(&outbox).run(stopping.clone()),
        index_for_search(&pool, &outbox, stopping.clone()),
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

/// The first signal stops in order; a second one stops at once.
async fn stop_on_signal(mut stops: Stops, stop: watch::Sender<bool>, log: StandardError) {
    stops.next().await;
    tracing::info!("stopping");
    tell_supervisor(NotifyState::Stopping);
    stop.send_replace(true);
    stops.next().await;
    log.flush(LAST_WORDS);
    std::process::exit(1);
}

/// systemd, where that has started us and waits for it.
fn tell_supervisor(state: NotifyState) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

/// Logs to standard error, panics too.
fn start_log(settings: &Settings, log: &StandardError) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(&settings.log_filter)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false)
        .with_writer(log.clone());
    if settings.log_json {
        lines.json().init();
    } else {
        lines.init();
    }
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("{}", npoc::single_line(&panic.to_string()));
    }));
}

fn announce(settings: &Settings, listener: &TcpListener) {
    let listening = listener.local_addr().unwrap_or(settings.listen);
    tracing::info!("the site is at {} (listening on {listening})", settings.public_url);
    match &settings.database {
        DatabaseChoice::Embedded(home) => tracing::info!("its database is embedded, in {}", home.display()),
        DatabaseChoice::Url(address) => tracing::info!("its database is at {}", address.host_names()),
    }
    match &settings.transport {
        Transport::Folder(folder) => tracing::info!("its mails are files in {}", folder.display()),
        Transport::Smtp(_) => tracing::info!("its mails go to the relay of SMTP_URL"),
    }
}
