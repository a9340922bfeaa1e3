//! Parsers of arguments.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::values::EmailAddress;

/// Returns a parser that takes one of these values by its name.
pub(super) fn one_of<T, const N: usize>(all: [T; N], name: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.map(name)).try_map(move |typed| {
        let named = all.into_iter().find(|one| name(*one) == typed);
        named.ok_or("unknown")
    })
}

/// Parses an email address.
pub(super) fn email_address(typed: &str) -> Result<EmailAddress, &'static str> {
    EmailAddress::parse(typed).map_err(|_| "not an email address")
}
