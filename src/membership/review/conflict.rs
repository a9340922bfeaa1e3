//! Conflicts of interest. A member who has one sees of an application only its state and dates, and does nothing with it.
//!
//! A conflict is stated, or it is there by itself: where the address of a member is in the application, or at its
//! domain. Domains that many people share do not count. Only another decider without a conflict takes it back.

use std::collections::HashSet;

use sqlx::PgConnection;

use crate::staff::{self, StaffMember};
use crate::values::EmailAddress;
use crate::values::shared_domains::shared_host;

/// A conflict of interest of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The member.
    pub staff_id: i64,
    /// The name of the member.
    pub name: String,
    /// Whether the member stated it; otherwise the site worked it out.
    pub is_stated: bool,
}

/// What makes a conflict by itself: spellings of an address, and the domains above it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Interests {
    addresses: Vec<String>,
    domains: Vec<String>,
}

impl Interests {
    fn of(member: &StaffMember) -> Self {
        let all = || std::iter::once(&member.address).chain(&member.former_addresses);
        let spelled = |address: &EmailAddress| [address.to_string(), address.to_wire().to_string()];
        let mut addresses: Vec<String> = all().flat_map(spelled).map(|address| address.to_lowercase()).collect();
        addresses.dedup();
        Self {
            addresses,
            domains: all().flat_map(domains).collect(),
        }
    }

    fn concern(&self, domain: &str, emails: &[String]) -> bool {
        self.domains.iter().any(|own| own == domain) || emails.iter().any(|email| self.addresses.contains(email))
    }
}

/// Returns the domain of an address, and those above it down to the registered one; none if many people share it.
fn domains(address: &EmailAddress) -> Vec<String> {
    let domain = address.domain();
    if shared_host(domain).is_some() {
        return Vec::new();
    }
    let labels = domain.registered().split('.').count();
    let all: Vec<&str> = domain.ascii().split('.').collect();
    let starts = 0..=all.len().saturating_sub(labels);
    starts.map(|start| all[start..].join(".")).collect()
}

/// Returns the references of the applications of which this member may see only state and dates.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn hidden_from(connection: &mut PgConnection, member: &StaffMember) -> sqlx::Result<HashSet<String>> {
    let interests = Interests::of(member);
    let references = sqlx::query_scalar!(
        r#"SELECT reference AS "reference!" FROM applications
        WHERE (domain_name_ascii = ANY ($1) OR lower(representative_email) = ANY ($2) OR lower(alternate_email) = ANY ($2))
            AND NOT EXISTS (SELECT FROM conflicts WHERE conflicts.reference = applications.reference AND staff_id = $3
                AND taken_back_by IS NOT NULL)
        UNION SELECT reference FROM conflicts WHERE staff_id = $3 AND stated_at IS NOT NULL AND taken_back_by IS NULL"#,
        &interests.domains,
        &interests.addresses,
        member.id
    )
    .fetch_all(connection)
    .await?;
    Ok(references.into_iter().collect())
}

/// Returns the conflicts of all members with an application, enabled or not: an opinion outlives its member's account.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn conflicts(connection: &mut PgConnection, reference: &str) -> sqlx::Result<Vec<Conflict>> {
    let application = sqlx::query!(
        r#"SELECT domain_name_ascii, array_remove(ARRAY[lower(representative_email), lower(alternate_email)], NULL)
            AS "emails!"
        FROM applications WHERE reference = upper($1)"#,
        reference.trim()
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(application) = application else {
        return Ok(Vec::new());
    };
    let known = sqlx::query!(
        r#"SELECT staff_id, stated_at IS NOT NULL AND taken_back_by IS NULL AS "is_stated!",
            taken_back_by IS NOT NULL AS "is_taken_back!"
        FROM conflicts WHERE reference = upper($1)"#,
        reference.trim()
    )
    .fetch_all(&mut *connection)
    .await?;
    let members = staff::not_forgotten(connection).await?;
    let conflict = |member: StaffMember| {
        let row = known.iter().find(|row| row.staff_id == member.id);
        let is_stated = row.is_some_and(|row| row.is_stated);
        let is_found = Interests::of(&member).concern(&application.domain_name_ascii, &application.emails);
        let is_one = is_stated || is_found && !row.is_some_and(|row| row.is_taken_back);
        is_one.then_some(Conflict {
            staff_id: member.id,
            name: member.name,
            is_stated,
        })
    };
    Ok(members.into_iter().filter_map(conflict).collect())
}

/// States a conflict of a member.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub(super) async fn state(connection: &mut PgConnection, reference: &str, member: &StaffMember) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO conflicts (reference, staff_id, stated_at) VALUES ($1, $2, now())
        ON CONFLICT ON CONSTRAINT conflicts_pkey DO UPDATE SET stated_at = now(), taken_back_by = NULL",
        reference,
        member.id
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Takes back the conflict of a colleague.
pub(super) async fn take_back(
    connection: &mut PgConnection,
    reference: &str,
    of: i64,
    by: &StaffMember,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO conflicts (reference, staff_id, taken_back_by) VALUES ($1, $2, $3)
        ON CONFLICT ON CONSTRAINT conflicts_pkey DO UPDATE SET taken_back_by = $3",
        reference,
        of,
        by.id
    )
    .execute(connection)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staff::Role;

    fn member(address: &str) -> StaffMember {
        StaffMember {
            id: 1,
            name: "Ann".to_owned(),
            address: EmailAddress::parse(address).unwrap(),
            former_addresses: Vec::new(),
            role: Role::Reader,
        }
    }

    #[test]
    fn a_shared_domain_makes_no_conflict_and_a_subdomain_does() {
        let concerns = |address: &str, domain: &str, email: &str| {
            let interests = Interests::of(&member(address));
            interests.concern(domain, &[email.to_lowercase()])
        };
        assert!(concerns("ann@afyabora.or.ke", "afyabora.or.ke", "x@other.org"));
        assert!(concerns("ann@mail.afyabora.or.ke", "afyabora.or.ke", "x@other.org"));
        assert!(concerns("Ann@Gmail.com", "other.org", "ann@gmail.com"));
        assert!(concerns("ann@bücher.example", "xn--bcher-kva.example", "x@other.org"));
        assert!(!concerns("ann@afyabora.or.ke", "mail.afyabora.or.ke", "x@other.org"));
        assert!(!concerns("ann@gmail.com", "gmail.com", "x@other.org"));
        assert!(!concerns("ann@npoc.or.ke", "afyabora.or.ke", "x@other.org"));
        assert!(!concerns("ann@npoc.or.ke", "or.ke", "x@other.org"));
    }
}
