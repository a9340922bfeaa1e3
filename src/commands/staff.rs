//! Commands that manage the people who sign in at the desk.

use std::io::Write;

use super::output::write_json;
use super::staff_command::{AccountCommand, StaffCommand};
use crate::database::Pool;
use crate::membership::in_utc;
use crate::settings::Settings;
use crate::staff::{self, Account, AccountChange, Manager, NotDone};
use crate::values::EmailAddress;

/// Runs a command about staff.
pub(super) async fn run(
    command: StaffCommand,
    pool: &Pool,
    settings: &Settings,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let emails = settings.desk_emails();
    let manager = Manager {
        pool,
        emails: &emails,
        administrator: None,
    };
    match command {
        StaffCommand::List { json } => list(pool, json, out).await,
        StaffCommand::SignIn { address } => {
            let link = staff::shell_link(pool, &emails, &address).await?;
            Ok(writeln!(out, "{link}")?)
        }
        StaffCommand::Add { name, address, role } => {
            manager.add(&name, &address, role).await?;
            Ok(writeln!(out, "{address} can sign in at {}.", emails.desk())?)
        }
        StaffCommand::Change(change) => {
            let (address, change, done) = read(change);
            let mut session = pool.session().await?;
            let id = staff::id_of(&mut *session, &address).await?.ok_or(NotDone::Unknown)?;
            session.end().await?;
            manager.change(id, &change).await?;
            Ok(writeln!(out, "{done}")?)
        }
    }
}

/// Returns the address of the account, the change, and what is printed when it is done.
fn read(command: AccountCommand) -> (EmailAddress, AccountChange, String) {
    match command {
        AccountCommand::Role { address, role } => {
            let done = format!("The role of {address} is {}.", role.name());
            (address, AccountChange::Role(role), done)
        }
        AccountCommand::Address { address, new } => {
            let done = format!("The address of the account is {new}.");
            (address, AccountChange::Address(new), done)
        }
        AccountCommand::Disable { address } => {
            let done = format!("{address} cannot sign in any more, and is signed out.");
            (address, AccountChange::Disable, done)
        }
        AccountCommand::Enable { address } => {
            let done = format!("{address} can sign in again.");
            (address, AccountChange::Enable, done)
        }
        AccountCommand::Forget { address } => {
            let done = "Name and address of the account are erased.".to_owned();
            (address, AccountChange::Forget, done)
        }
        AccountCommand::EndSessions { address } => {
            let done = format!("{address} is signed out everywhere.");
            (address, AccountChange::EndSessions, done)
        }
        AccountCommand::ResetSecondFactor { address } => {
            let done = format!("{address} is signed out, and can set up an authenticator app at the next sign-in.");
            (address, AccountChange::ResetSecondFactor, done)
        }
    }
}

async fn list(pool: &Pool, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let accounts = staff::list(&mut *session).await?;
    session.end().await?;
    if json {
        return accounts.iter().try_for_each(|account| write_json(account, out));
    }
    if accounts.is_empty() {
        writeln!(
            out,
            "There are no accounts. Add one: npoc staff add NAME ADDRESS --role administrator"
        )?;
    }
    accounts.iter().try_for_each(|account| write_account(account, out))
}

fn write_account(account: &Account, out: &mut impl Write) -> anyhow::Result<()> {
    let state = account.disabled_at.map_or_else(
        || format!("sessions: {}", account.sessions),
        |at| format!("disabled on {}", in_utc(at)),
    );
    let app = if account.has_second_factor {
        "\tauthenticator app"
    } else {
        ""
    };
    let (name, address) = match account.name.as_str() {
        "" => ("(forgotten)", ""),
        name => (name, account.address.as_str()),
    };
    Ok(writeln!(out, "{}\t{name}\t{address}\t{state}{app}", account.role)?)
}
