# What to do about an answer that breaks a rule. Each sentence is beside its question and in a list above the form,
# so it must be clear alone: it names the question. No full stop at the end.

## An answer is missing

missing-organization-name = Enter the name of your organization
missing-domain-name = Enter the domain name of your organization. If your organization has none, write to info@npoc.org
missing-country = Select the country or territory of your organization
missing-registered = Select whether your organization is registered
missing-registration-note = Enter the registration authority and number, or why your organization is not registered
missing-kind-of-work = Select the kind of work that your organization does
missing-statement = Say what your organization does and why it wants to join
missing-representative-name = Enter the full name of your representative
missing-representative-role = Enter the role of your representative
missing-representative-email = Enter the email address of your representative
missing-alternate-name = Enter the name of the alternate representative as well, or leave both fields about the alternate empty
missing-alternate-email = Enter the email address of the alternate representative as well, or leave both fields about the alternate empty
missing-ncsg-status = Select whether your organization is a member of the NCSG
# $choice (Text): choice-authorised
missing-authorised = Select “{ $choice }”. Without this, NPOC cannot accept the application
# Any other question
# $question (Text): the label of the question
missing-other = Answer the question “{ $question }”

## An answer breaks another rule

# $question (Text): the label of the question
# $min (Number): the least number of characters
# $given (Number): the present number of characters
problem-too-short = The answer to “{ $question }” is too short: enter at least { $min } characters (now { $given })
# $min (Number): the least number of characters
# $given (Number): the present number of characters
problem-statement-too-short = Say more about your organization and why it wants to join: at least { $min } characters (now { $given })
# $question (Text): the label of the question
# $max (Number): the greatest number of characters
# $given (Number): the present number of characters
problem-too-long = The answer to “{ $question }” is too long: enter at most { $max } characters (now { $given })
# $question (Text): the label of the question
problem-damaged = Enter the answer to “{ $question }” again: part of the text was damaged when it was sent
# $question (Text): the label of the question
problem-repeated = Answer “{ $question }” only once: different answers arrived
# $question (Text): the label of the question
# $given (Text): what arrived
problem-not-offered = Select an answer to “{ $question }” from the list: “{ $given }” is not on it
problem-website = Enter the address of your website in full and without spaces, like https://example.org, or leave it empty

## The domain name of the organization

domain-no-dot = Enter the full domain name with its ending, like example.org
domain-ip-address = Enter a domain name like example.org, not an IP address
domain-empty-label = Enter the domain name with one dot between its parts, like example.org
domain-space = Enter one domain name without spaces, like example.org
# $character (Text): a character that a domain name cannot have
domain-character = Enter the domain name without “{ $character }”, like example.org
domain-underscore = Enter the domain name without underscores ( _ ): no registered domain name has them
# $part (Number): 63
# $all (Number): 253
domain-too-long = Enter a shorter domain name: at most { $part } letters between two dots, and at most { $all } letters in all
domain-public-suffix = Enter your organization’s own domain name: this is only an ending, and other names are registered under it
domain-email-address = Enter only the domain name, the part after the @: this is an email address
domain-not-allowed = Enter the domain name as it is registered, like example.org: it has a character that domain names do not allow

## An email address. $question is always the label of the question.

# $question (Text): the label of the question
email-no-at = “{ $question }”: enter an address with an @ sign, like name@example.org
# $question (Text): the label of the question
email-many-ats = “{ $question }”: enter only one address, with one @ sign
# $question (Text): the label of the question
email-no-mailbox = “{ $question }”: enter the part before the @ sign too, like name@example.org
# $question (Text): the label of the question
email-no-domain = “{ $question }”: enter the part after the @ sign too, like name@example.org
# $question (Text): the label of the question
email-dots = “{ $question }”: enter the address without two dots in a row, and without a dot at the start, at the end or beside the @
# $question (Text): the label of the question
email-space = “{ $question }”: enter the address without spaces, line breaks or invisible characters
# $question (Text): the label of the question
email-not-alone = “{ $question }”: enter only the address, without a name, angle brackets or mailto:
# $question (Text): the label of the question
# $mailbox (Number): 64
# $all (Number): 254
email-too-long = “{ $question }”: enter a shorter address: at most { $mailbox } characters before the @ and { $all } bytes in all; a letter outside a to z takes two bytes or more
# $question (Text): the label of the question
email-not-public = “{ $question }”: enter an address with a public domain name, like name@example.org
# $question (Text): the label of the question
email-domain = “{ $question }”: check the part after the @ sign: it is not a domain name
# $question (Text): the label of the question
# $character (Text): a character that an email address cannot have
email-character = “{ $question }”: enter the address without “{ $character }”
# $question (Text): the label of the question
email-mailbox = “{ $question }”: check the part before the @ sign: it has a character that email does not allow
