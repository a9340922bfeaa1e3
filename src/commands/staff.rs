//! Commands that manage the people who sign in at the desk.

use std::io::Write;

use super::output::write_json;
use super::staff_command::StaffCommand;
use crate::database::Pool;
use crate::membership::in_utc;
use crate::settings::Settings;
use crate::staff::{self, Account};

/// Runs a command about staff.
pub(super) async fn run(
    command: StaffCommand,
    pool: &Pool,
    settings: &Settings,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let done = match command {
        StaffCommand::List { json } => return list(pool, json, out).await,
        StaffCommand::SignIn { address } => {
            let link = staff::shell_link(pool, &settings.sign_in_email(), &address).await?;
            return Ok(writeln!(out, "{link}")?);
        }
        StaffCommand::Add { name, address, role } => {
            staff::add(pool, &name, &address, role).await?;
            format!("{address} can sign in at {}/desk.", settings.public_url)
        }
        StaffCommand::Role { address, role } => {
            staff::set_role(pool, &address, role).await?;
            format!("The role of {address} is {}.", role.name())
        }
        StaffCommand::Disable { address } => {
            staff::disable(pool, &address).await?;
            format!("{address} cannot sign in any more, and is signed out.")
        }
        StaffCommand::Enable { address } => {
            staff::enable(pool, &address).await?;
            format!("{address} can sign in again.")
        }
        StaffCommand::Forget { address } => {
            staff::forget(pool, &address).await?;
            "Name and address of the account are erased.".to_owned()
        }
        StaffCommand::EndSessions { address } => {
            staff::end_sessions(pool, &address).await?;
            format!("{address} is signed out everywhere.")
        }
    };
    Ok(writeln!(out, "{done}")?)
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
    let (name, address) = match account.name.as_str() {
        "" => ("(forgotten)", ""),
        name => (name, account.address.as_str()),
    };
    Ok(writeln!(out, "{}\t{name}\t{address}\t{state}", account.role)?)
}
