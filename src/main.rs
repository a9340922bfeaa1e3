//! Command line → settings → log → database → serve, deliver, housekeeping → stop.

#![warn(clippy::print_stderr)] // It panics if standard error is closed.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use npoc::commands::{self, Command, CommandLine, StoredCommand};
use npoc::database::{self, Database, DatabaseChoice, Pool};
use npoc::housekeeping;
use npoc::mailer::{Mailer, Transport};
use npoc::membership::domain_proof::DomainChecks;
use npoc::membership::index_for_search;
use npoc::membership::review::Review;
use npoc::outbox::Outbox;
use npoc::settings::{self, InvalidSettings, LogFormat, ReadFor, Settings};
use npoc::signals::{self, StopSignals};
use npoc::standard_error::StandardError;
use npoc::web;
use rustix::fs::Mode;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long stopping may take. systemd and people wait ten seconds.
const STOP_LIMIT: Duration = Duration::from_secs(8);

/// How long a start waits for the database before it serves pages without it.
const START_LIMIT: Duration = Duration::from_secs(4);

/// How long the end of the process waits for the log to be written.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// The resolver's warnings hold domain names of applicants. A filter that names these targets wins.
const QUIET: &str = "hickory_net=off,hickory_proto=off,hickory_resolver=off";

/// Turns true when the site stops.
type Stopping = watch::Receiver<bool>;

fn main() -> ExitCode {
    // Only this user may read the files that this program writes.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let ended = match CommandLine::try_parse() {
        Ok(arguments) => run(arguments),
        Err(message) => print(&message),
    };
    ended.unwrap_or_else(|error| {
        // If standard error cannot be written, the exit status still reports the error.
        drop(writeln!(io::stderr(), "{}", error_line(&error)));
        ExitCode::from(commands::exit_status(&error))
    })
}

/// Prints help and version to standard output, and errors of the command line to standard error.
fn print(message: &clap::Error) -> anyhow::Result<ExitCode> {
    let printed = message.print();
    if message.use_stderr() {
        return Ok(ExitCode::from(2));
    }
    let printed = printed.and_then(|()| io::stdout().flush());
    ignore_closed_pipe(printed.context("Standard output cannot be written"))
}

/// Turns the error of a closed pipe into success, since a reader may stop early.
fn ignore_closed_pipe(written: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    match written {
        Err(error) if !commands::is_broken_pipe(&error) => Err(error),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn error_line(error: &anyhow::Error) -> String {
    format!("npoc: {}", npoc::error_chain(error.as_ref()))
}

fn run(arguments: CommandLine) -> anyhow::Result<ExitCode> {
    let command = arguments.command.unwrap_or(Command::Serve);
    let purpose = match command {
        Command::Stored(_) => ReadFor::Command,
        _ => ReadFor::Serve,
    };
    // The file changes the environment, which is safe only before there are threads.
    let file = settings::settings_file(arguments.settings);
    let settings = Settings::from_environment(purpose, file.as_deref());
    let runtime = Runtime::new().context("The system has no threads for the program")?;
    let ended = runtime.block_on(execute(command, settings, file.as_deref()));
    // Does not wait for blocking calls, such as a DNS lookup.
    runtime.shutdown_background();
    ended
}

async fn execute(
    command: Command,
    settings: Result<Settings, InvalidSettings>,
    file: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    signals::ignore_file_size_limit();
    match command {
        Command::Serve => serve(settings?).await,
        Command::Doctor { json } => match commands::doctor(settings, file, json).await {
            Ok(false) => Ok(ExitCode::FAILURE),
            examined => ignore_closed_pipe(examined.map(drop)),
        },
        Command::Stored(command) => ignore_closed_pipe(run_command(command, settings).await),
    }
}

async fn run_command(command: StoredCommand, settings: Result<Settings, InvalidSettings>) -> anyhow::Result<()> {
    let settings = settings.map_err(|invalid| command.without_settings(invalid))?;
    commands::run(command, &settings).await
}

/// Serves until a signal stops the site. Writes a final error through the log, since an unread standard error must not block
/// the process.
async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let log = StandardError::start()?;
    start_log(&settings, &log);
    let ended = serve_until_stopped(settings, &log).await;
    let status = match &ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.write_line(&error_line(error));
            ExitCode::from(commands::exit_status(error))
        }
    };
    log.flush(FLUSH_LIMIT);
    Ok(status)
}

async fn serve_until_stopped(settings: Settings, log: &StandardError) -> anyhow::Result<()> {
    let (stop, mut stopping) = watch::channel(false);
    let signals = tokio::spawn(stop_on_signal(StopSignals::install()?, stop.clone(), log.clone()));
    let started = tokio::select! {
        started = Started::start(&settings) => Some(started?),
        _ = stopping.wait_for(|is_stopping| *is_stopping) => None,
    };
    let result = match started {
        Some(started) => started.serve(&settings, &stop, stopping).await,
        None => Ok(()),
    };
    signals.abort();
    tracing::info!("stopped");
    result
}

/// A site that is ready to serve.
struct Started {
    listener: TcpListener,
    metrics_listener: Option<TcpListener>,
    database: Database,
    is_migrated: bool,
}

impl Started {
    async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let listener = listen(settings.listen, "NPOC_LISTEN").await?;
        let metrics_listener = match settings.metrics_listen {
            Some(address) => Some(listen(address, "NPOC_METRICS_LISTEN").await?),
            None => None,
        };
        let database = Database::at(&settings.database, settings.database_connections).await?;
        log_start(settings, &listener);
        let is_migrated = try_to_migrate(&database.pool).await?;
        notify_systemd(NotifyState::Ready);
        Ok(Self {
            listener,
            metrics_listener,
            database,
            is_migrated,
        })
    }

    async fn serve(self, settings: &Settings, stop: &watch::Sender<bool>, stopping: Stopping) -> anyhow::Result<()> {
        let background = Background::new(settings, &self.database.pool);
        if self.is_migrated {
            background.check_clocks().await;
        }
        let pool = self.database.pool.clone();
        let checks = background.domain_checks.clone();
        let site = web::Site::new(settings, pool, &background.outbox, checks, web::Limits::default())?;
        let mut background = tokio::spawn(background.run(self.is_migrated, stopping.clone()));
        if let Some(listener) = self.metrics_listener {
            tokio::spawn(web::serve_metrics(Arc::clone(&site), listener, stopping.clone()));
        }
        let deadline = tokio::spawn(stop_deadline(stopping.clone()));
        let result = tokio::select! {
            () = web::serve(site, self.listener, stopping) => Ok(()),
            error = failure(&mut background) => Err(error),
        };
        stop.send_replace(true);
        finish(background, deadline).await;
        self.database.close().await;
        result
    }
}

async fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("Nothing can listen on {address}; see {setting}"))
}

/// Migrates the database, and returns whether that succeeded within the limit. The site can serve pages without a database.
async fn try_to_migrate(pool: &Pool) -> anyhow::Result<bool> {
    match tokio::time::timeout(START_LIMIT, database::migrate(pool)).await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(error)) if !error.is_unavailable() => Err(database::explain(error)),
        _ => {
            tracing::info!("database is not ready; serving pages while migrations are retried");
            Ok(false)
        }
    }
}

/// Everything that runs beside the web server.
struct Background {
    pool: Pool,
    outbox: Arc<Outbox>,
    review: Review,
    domain_checks: Option<Arc<DomainChecks>>,
    retention_days: Option<u16>,
}

impl Background {
    fn new(settings: &Settings, pool: &Pool) -> Self {
        let mailer = Mailer::new(settings.sender(), settings.transport.clone());
        let review = settings.review();
        let notices = Arc::new(review.identity.clone());
        let outbox = Arc::new(Outbox::new(pool.clone(), mailer, notices));
        let checks = |outbound| {
            DomainChecks::new(
                pool.clone(),
                Arc::clone(&outbox),
                review.clone(),
                outbound,
                settings.rdap,
            )
        };
        Self {
            pool: pool.clone(),
            domain_checks: settings.outbound().map(checks).map(Arc::new),
            outbox,
            review,
            retention_days: settings.retention_days,
        }
    }

    /// Compares the clocks before the first application arrives, since a machine may have the wrong time after booting.
    async fn check_clocks(&self) {
        let checking = async {
            let mut session = self.pool.session().await?;
            self.outbox.clock().check(&mut session).await?;
            session.end().await
        };
        if let Err(error) = database::within(START_LIMIT, checking).await {
            tracing::debug!(%error, "clocks not compared");
        }
    }

    /// Delivers emails, indexes applications, checks domains and does housekeeping, once the tables exist.
    async fn run(self, is_migrated: bool, mut stopping: Stopping) -> anyhow::Result<()> {
        if !is_migrated {
            tokio::select! {
                migrated = database::migrate_with_retries(&self.pool) => migrated.map_err(database::explain)?,
                _ = stopping.wait_for(|is_stopping| *is_stopping) => return Ok(()),
            }
            self.check_clocks().await;
        }
        database::adapt_to_server(&self.pool).await;
        tokio::join!(
            Arc::clone(&self.outbox).run(stopping.clone()),
            index_for_search(&self.pool, &self.outbox, stopping.clone()),
            check_domains(self.domain_checks, stopping.clone()),
            housekeeping::run(&self.pool, &self.outbox, &self.review, self.retention_days, stopping)
        );
        Ok(())
    }
}

async fn check_domains(checks: Option<Arc<DomainChecks>>, stopping: Stopping) {
    if let Some(checks) = checks {
        Box::pin(checks.run(stopping)).await;
    }
}

/// Waits for a failure of the background tasks. Without them, emails would silently stay unsent.
async fn failure(background: &mut JoinHandle<anyhow::Result<()>>) -> anyhow::Error {
    match background.await {
        Ok(Ok(())) => std::future::pending().await,
        Ok(Err(error)) => error,
        Err(panic) => panic.into(),
    }
}

/// Returns when stopping has taken as long as it may.
async fn stop_deadline(mut stopping: Stopping) {
    if stopping.wait_for(|is_stopping| *is_stopping).await.is_ok() {
        tokio::time::sleep(STOP_LIMIT).await;
    }
}

/// Finishes sending the current emails, since the relay may already have them. An email that takes longer becomes due again.
async fn finish<T>(mut background: JoinHandle<T>, deadline: JoinHandle<()>) {
    if background.is_finished() {
        return;
    }
    tokio::select! {
        _ = &mut background => {}
        _ = deadline => background.abort(),
    }
}

/// Stops in order at the first signal, and at once at the second.
async fn stop_on_signal(mut signals: StopSignals, stop: watch::Sender<bool>, log: StandardError) {
    signals.next().await;
    tracing::info!("stopping");
    notify_systemd(NotifyState::Stopping);
    stop.send_replace(true);
    signals.next().await;
    log.flush(FLUSH_LIMIT);
    std::process::exit(1);
}

/// Notifies systemd if it has started the site.
fn notify_systemd(state: NotifyState) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd not notified");
    }
}

/// Starts logging to standard error, including panics.
fn start_log(settings: &Settings, log: &StandardError) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(format!("{QUIET},{}", settings.log_filter))
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false)
        .with_writer(log.clone());
    match settings.log_format {
        LogFormat::Json => lines.json().init(),
        LogFormat::Text => lines.init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("{}", npoc::single_line(&panic.to_string()));
    }));
}

fn log_start(settings: &Settings, listener: &TcpListener) {
    let listening = listener.local_addr().unwrap_or(settings.listen);
    tracing::info!("site is at {} (listening on {listening})", settings.public_url);
    match &settings.database {
        DatabaseChoice::Embedded(home) => tracing::info!("database is embedded, in {}", home.display()),
        DatabaseChoice::Url(address) => tracing::info!("database is at {}", address.host_names()),
    }
    match &settings.transport {
        Transport::Folder(folder) => tracing::info!("emails become files in {}", folder.display()),
        Transport::Smtp(_) => tracing::info!("emails go to the relay of SMTP_URL"),
    }
}
