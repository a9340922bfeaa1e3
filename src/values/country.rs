//! The country of an organization: ISO 3166-1, with ICANN's regions.

use Region::{Africa as Af, AsiaPacific as Ap, Europe as Eu, LatinAmerica as La, NorthAmerica as Na};

use super::{Fault, Region};

/// A country or territory of ISO 3166-1. Kosovo has the widely used user-assigned code XK, since ISO has no code for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country(&'static (&'static str, &'static str, Region));

impl Country {
    /// Returns every country, sorted by English name.
    pub fn all() -> impl Iterator<Item = Self> {
        COUNTRIES.iter().map(Self)
    }

    /// Parses an alpha-2 code in either case.
    ///
    /// # Errors
    /// Returns [`Fault::Missing`] or [`Fault::NotOffered`].
    pub fn parse(typed: &str) -> Result<Self, Fault> {
        let code = typed.trim();
        if code.is_empty() {
            return Err(Fault::Missing);
        }
        Self::all()
            .find(|country| country.code().eq_ignore_ascii_case(code))
            .ok_or_else(|| Fault::not_offered(typed))
    }

    /// Returns the alpha-2 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.0
    }

    /// Returns the common English name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.1
    }

    /// Returns the ICANN region.
    #[must_use]
    pub fn region(self) -> Region {
        self.0.2
    }
}

#[rustfmt::skip]
const COUNTRIES: &[(&str, &str, Region)] = &[
    ("AF", "Afghanistan", Ap),
    ("AX", "Åland Islands", Eu),
    ("AL", "Albania", Eu),
    ("DZ", "Algeria", Af),
    ("AS", "American Samoa", Na),
    ("AD", "Andorra", Eu),
    ("AO", "Angola", Af),
    ("AI", "Anguilla", Eu),
    ("AQ", "Antarctica", Ap),
    ("AG", "Antigua and Barbuda", La),
    ("AR", "Argentina", La),
    ("AM", "Armenia", Ap),
    ("AW", "Aruba", Eu),
    ("AU", "Australia", Ap),
    ("AT", "Austria", Eu),
    ("AZ", "Azerbaijan", Ap),
    ("BS", "Bahamas", La),
    ("BH", "Bahrain", Ap),
    ("BD", "Bangladesh", Ap),
    ("BB", "Barbados", La),
    ("BY", "Belarus", Eu),
    ("BE", "Belgium", Eu),
    ("BZ", "Belize", La),
    ("BJ", "Benin", Af),
    ("BM", "Bermuda", Eu),
    ("BT", "Bhutan", Ap),
    ("BO", "Bolivia", La),
    ("BQ", "Bonaire, Sint Eustatius and Saba", La),
    ("BA", "Bosnia and Herzegovina", Eu),
    ("BW", "Botswana", Af),
    ("BV", "Bouvet Island", Eu),
    ("BR", "Brazil", La),
    ("IO", "British Indian Ocean Territory", Eu),
    ("BN", "Brunei Darussalam", Ap),
    ("BG", "Bulgaria", Eu),
    ("BF", "Burkina Faso", Af),
    ("BI", "Burundi", Af),
    ("CV", "Cabo Verde", Af),
    ("KH", "Cambodia", Ap),
    ("CM", "Cameroon", Af),
    ("CA", "Canada", Na),
    ("KY", "Cayman Islands", Eu),
    ("CF", "Central African Republic", Af),
    ("TD", "Chad", Af),
    ("CL", "Chile", La),
    ("CN", "China", Ap),
    ("CX", "Christmas Island", Ap),
    ("CC", "Cocos (Keeling) Islands", Ap),
    ("CO", "Colombia", La),
    ("KM", "Comoros", Af),
    ("CG", "Congo", Af),
    ("CD", "Congo (Democratic Republic)", Af),
    ("CK", "Cook Islands", Ap),
    ("CR", "Costa Rica", La),
    ("CI", "Côte d’Ivoire", Af),
    ("HR", "Croatia", Eu),
    ("CU", "Cuba", La),
    ("CW", "Curaçao", Eu),
    ("CY", "Cyprus", Ap),
    ("CZ", "Czechia", Eu),
    ("DK", "Denmark", Eu),
    ("DJ", "Djibouti", Af),
    ("DM", "Dominica", La),
    ("DO", "Dominican Republic", La),
    ("EC", "Ecuador", La),
    ("EG", "Egypt", Af),
    ("SV", "El Salvador", La),
    ("GQ", "Equatorial Guinea", Af),
    ("ER", "Eritrea", Af),
    ("EE", "Estonia", Eu),
    ("SZ", "Eswatini", Af),
    ("ET", "Ethiopia", Af),
    ("FK", "Falkland Islands (Malvinas)", Eu),
    ("FO", "Faroe Islands", Eu),
    ("FJ", "Fiji", Ap),
    ("FI", "Finland", Eu),
    ("FR", "France", Eu),
    ("GF", "French Guiana", Eu),
    ("PF", "French Polynesia", Eu),
    ("TF", "French Southern Territories", Eu),
    ("GA", "Gabon", Af),
    ("GM", "Gambia", Af),
    ("GE", "Georgia", Ap),
    ("DE", "Germany", Eu),
    ("GH", "Ghana", Af),
    ("GI", "Gibraltar", Eu),
    ("GR", "Greece", Eu),
    ("GL", "Greenland", Eu),
    ("GD", "Grenada", La),
    ("GP", "Guadeloupe", Eu),
    ("GU", "Guam", Na),
    ("GT", "Guatemala", La),
    ("GG", "Guernsey", Eu),
    ("GN", "Guinea", Af),
    ("GW", "Guinea-Bissau", Af),
    ("GY", "Guyana", La),
    ("HT", "Haiti", La),
    ("HM", "Heard Island and McDonald Islands", Ap),
    ("VA", "Holy See", Eu),
    ("HN", "Honduras", La),
    ("HK", "Hong Kong", Ap),
    ("HU", "Hungary", Eu),
    ("IS", "Iceland", Eu),
    ("IN", "India", Ap),
    ("ID", "Indonesia", Ap),
    ("IR", "Iran", Ap),
    ("IQ", "Iraq", Ap),
    ("IE", "Ireland", Eu),
    ("IM", "Isle of Man", Eu),
    ("IL", "Israel", Ap),
    ("IT", "Italy", Eu),
    ("JM", "Jamaica", La),
    ("JP", "Japan", Ap),
    ("JE", "Jersey", Eu),
    ("JO", "Jordan", Ap),
    ("KZ", "Kazakhstan", Ap),
    ("KE", "Kenya", Af),
    ("KI", "Kiribati", Ap),
    ("KP", "Korea (North)", Ap),
    ("KR", "Korea (South)", Ap),
    ("XK", "Kosovo", Eu),
    ("KW", "Kuwait", Ap),
    ("KG", "Kyrgyzstan", Ap),
    ("LA", "Laos", Ap),
    ("LV", "Latvia", Eu),
    ("LB", "Lebanon", Ap),
    ("LS", "Lesotho", Af),
    ("LR", "Liberia", Af),
    ("LY", "Libya", Af),
    ("LI", "Liechtenstein", Eu),
    ("LT", "Lithuania", Eu),
    ("LU", "Luxembourg", Eu),
    ("MO", "Macao", Ap),
    ("MG", "Madagascar", Af),
    ("MW", "Malawi", Af),
    ("MY", "Malaysia", Ap),
    ("MV", "Maldives", Ap),
    ("ML", "Mali", Af),
    ("MT", "Malta", Eu),
    ("MH", "Marshall Islands", Ap),
    ("MQ", "Martinique", Eu),
    ("MR", "Mauritania", Af),
    ("MU", "Mauritius", Af),
    ("YT", "Mayotte", Eu),
    ("MX", "Mexico", La),
    ("FM", "Micronesia", Ap),
    ("MD", "Moldova", Eu),
    ("MC", "Monaco", Eu),
    ("MN", "Mongolia", Ap),
    ("ME", "Montenegro", Eu),
    ("MS", "Montserrat", Eu),
    ("MA", "Morocco", Af),
    ("MZ", "Mozambique", Af),
    ("MM", "Myanmar", Ap),
    ("NA", "Namibia", Af),
    ("NR", "Nauru", Ap),
    ("NP", "Nepal", Ap),
    ("NL", "Netherlands", Eu),
    ("NC", "New Caledonia", Eu),
    ("NZ", "New Zealand", Ap),
    ("NI", "Nicaragua", La),
    ("NE", "Niger", Af),
    ("NG", "Nigeria", Af),
    ("NU", "Niue", Ap),
    ("NF", "Norfolk Island", Ap),
    ("MK", "North Macedonia", Eu),
    ("MP", "Northern Mariana Islands", Na),
    ("NO", "Norway", Eu),
    ("OM", "Oman", Ap),
    ("PK", "Pakistan", Ap),
    ("PW", "Palau", Ap),
    ("PS", "Palestine", Ap),
    ("PA", "Panama", La),
    ("PG", "Papua New Guinea", Ap),
    ("PY", "Paraguay", La),
    ("PE", "Peru", La),
    ("PH", "Philippines", Ap),
    ("PN", "Pitcairn", Eu),
    ("PL", "Poland", Eu),
    ("PT", "Portugal", Eu),
    ("PR", "Puerto Rico", Na),
    ("QA", "Qatar", Ap),
    ("RE", "Réunion", Eu),
    ("RO", "Romania", Eu),
    ("RU", "Russia", Eu),
    ("RW", "Rwanda", Af),
    ("BL", "Saint Barthélemy", La),
    ("SH", "Saint Helena, Ascension and Tristan da Cunha", Eu),
    ("KN", "Saint Kitts and Nevis", La),
    ("LC", "Saint Lucia", La),
    ("MF", "Saint Martin (French part)", La),
    ("PM", "Saint Pierre and Miquelon", Eu),
    ("VC", "Saint Vincent and the Grenadines", La),
    ("WS", "Samoa", Ap),
    ("SM", "San Marino", Eu),
    ("ST", "São Tomé and Príncipe", Af),
    ("SA", "Saudi Arabia", Ap),
    ("SN", "Senegal", Af),
    ("RS", "Serbia", Eu),
    ("SC", "Seychelles", Af),
    ("SL", "Sierra Leone", Af),
    ("SG", "Singapore", Ap),
    ("SX", "Sint Maarten (Dutch part)", La),
    ("SK", "Slovakia", Eu),
    ("SI", "Slovenia", Eu),
    ("SB", "Solomon Islands", Ap),
    ("SO", "Somalia", Af),
    ("ZA", "South Africa", Af),
    ("GS", "South Georgia and the South Sandwich Islands", Eu),
    ("SS", "South Sudan", Af),
    ("ES", "Spain", Eu),
    ("LK", "Sri Lanka", Ap),
    ("SD", "Sudan", Af),
    ("SR", "Suriname", La),
    ("SJ", "Svalbard and Jan Mayen", Eu),
    ("SE", "Sweden", Eu),
    ("CH", "Switzerland", Eu),
    ("SY", "Syria", Ap),
    ("TW", "Taiwan", Ap),
    ("TJ", "Tajikistan", Ap),
    ("TZ", "Tanzania", Af),
    ("TH", "Thailand", Ap),
    ("TL", "Timor-Leste", Ap),
    ("TG", "Togo", Af),
    ("TK", "Tokelau", Ap),
    ("TO", "Tonga", Ap),
    ("TT", "Trinidad and Tobago", La),
    ("TN", "Tunisia", Af),
    ("TR", "Türkiye", Ap),
    ("TM", "Turkmenistan", Ap),
    ("TC", "Turks and Caicos Islands", Eu),
    ("TV", "Tuvalu", Ap),
    ("UG", "Uganda", Af),
    ("UA", "Ukraine", Eu),
    ("AE", "United Arab Emirates", Ap),
    ("GB", "United Kingdom", Eu),
    ("US", "United States", Na),
    ("UM", "United States Minor Outlying Islands", Na),
    ("UY", "Uruguay", La),
    ("UZ", "Uzbekistan", Ap),
    ("VU", "Vanuatu", Ap),
    ("VE", "Venezuela", La),
    ("VN", "Viet Nam", Ap),
    ("VG", "Virgin Islands (British)", Eu),
    ("VI", "Virgin Islands (U.S.)", Na),
    ("WF", "Wallis and Futuna", Eu),
    ("EH", "Western Sahara", Af),
    ("YE", "Yemen", Ap),
    ("ZM", "Zambia", Af),
    ("ZW", "Zimbabwe", Af),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_is_listed_once() {
        let mut codes: Vec<_> = Country::all().map(Country::code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!((codes.len(), COUNTRIES.len()), (250, 250));
    }

    #[test]
    fn surprising_regions_are_those_of_icann() {
        for (code, region) in [
            ("MX", La),
            ("TR", Ap),
            ("CY", Ap),
            ("IL", Ap),
            ("GE", Ap),
            ("GP", Eu),
            ("GU", Na),
            ("GL", Eu),
            ("EG", Af),
            ("BM", Eu),
            ("PR", Na),
            ("HK", Ap),
            ("KE", Af),
            ("SX", La),
            ("XK", Eu),
        ] {
            assert_eq!(Country::parse(code).map(Country::region), Ok(region), "{code}");
        }
    }

    #[test]
    fn only_a_code_is_accepted_in_either_case() {
        assert_eq!(Country::parse(" ke ").map(Country::name), Ok("Kenya"));
        assert_eq!(Country::parse(""), Err(Fault::Missing));
        for typed in ["XX", "Kenya", "K", "KEN"] {
            assert_eq!(Country::parse(typed), Err(Fault::not_offered(typed)));
        }
    }
}
