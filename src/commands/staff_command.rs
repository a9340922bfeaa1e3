//! The command line of `npoc staff`.

use clap::Subcommand;

use super::arguments::{email_address, one_of};
use crate::staff::Role;
use crate::values::EmailAddress;

/// A command that manages staff.
#[derive(Debug, Subcommand)]
pub enum StaffCommand {
    /// Add an account. The first one opens the desk at /desk
    Add {
        /// The name, for colleagues
        name: String,
        /// The email address to sign in with
        #[arg(value_parser = email_address)]
        address: EmailAddress,
        /// Reader: reads. Reviewer: asks too. Decider: decides too. Administrator: manages staff too
        #[arg(long, value_parser = one_of(Role::ALL, Role::name))]
        role: Role,
    },
    /// List all accounts
    List {
        /// Print one JSON object per account
        #[arg(long)]
        json: bool,
    },
    /// Change an account
    #[command(flatten)]
    Change(AccountCommand),
    /// Print a link to sign in with, in any browser, once and for ten minutes
    SignIn {
        /// The email address
        #[arg(value_parser = email_address)]
        address: EmailAddress,
    },
}

/// A command that changes an account.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Change the role of an account, at once
    Role {
        /// The email address
        #[arg(value_parser = email_address)]
        address: EmailAddress,
        /// The new role
        #[arg(value_parser = one_of(Role::ALL, Role::name))]
        role: Role,
    },
    /// Change the address of an account, and sign it out everywhere
    Address {
        /// The present email address
        #[arg(value_parser = email_address)]
        address: EmailAddress,
        /// The new email address
        #[arg(value_parser = email_address)]
        new: EmailAddress,
    },
    /// Disable an account, and sign it out everywhere
    Disable {
        /// The email address
        #[arg(value_parser = email_address)]
        address: EmailAddress,
    },
    /// Enable an account again
    Enable {
        /// The email address
        #[arg(value_parser = email_address)]
        address: EmailAddress,
    },
    /// Empty name and address of a disabled account; its decisions stay
    Forget {
        /// The email address
        #[arg(value_parser = email_address)]
        address: EmailAddress,
    },
    /// Sign an account out everywhere
    EndSessions {
        /// The email address
        #[arg(value_parser = email_address)]
        address: EmailAddress,
    },
    /// Remove the authenticator app of an account, and sign it out everywhere
    ResetSecondFactor {
        /// The email address
        #[arg(value_parser = email_address)]
        address: EmailAddress,
    },
}
