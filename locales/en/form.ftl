# The form: its pages, questions, hints and choices; then the check page.

## The form page

form-title = NPOC membership: the application form
form-title-error = Error: NPOC membership: the application form
form-title-change = Change your answer – NPOC membership: the application form
form-heading = NPOC membership
form-lead = This form is for an organization that wants to join. It takes about twenty minutes. There is no time limit. You check your answers before you send them, and nothing is stored before that.
form-scripts = You can write in any alphabet or script. Not sure whether your organization can join?
# A link behind the sentence above
form-can-join-link = See who can join
form-change-heading = Change your answer
form-change-lead = Change your answer, then check your answers again. Nothing has been sent yet.
# The heading above the list of problems
form-problems-heading = There is a problem
form-problems-text = Nothing was sent. Everything you typed is still here.
# Before the sentence about a problem, for screen readers and on paper
form-problem-mark = Error:
# The heading of a list beside the form
form-hand-heading = What to have at hand
form-hand-domain = The domain name of your organization
form-hand-registration = The registration authority and number
form-hand-people = The names and email addresses of your representative and, if you like, an alternate
form-hand-statement = A few sentences about your organization and why it wants to join
# Behind the label of a question that needs no answer
form-optional = (optional)
# The first entry of the list of countries
form-country-none = Select one
# On a printed form, before a long answer that its field would cut off
form-copy = As last sent, in full:
# A button
form-check = Check your answers
# Above buttons with the names of the other languages, at the end of the form and of the check page
form-languages = Continue in another language. Your answers stay.

## Headings of the four parts, on the form and on the check page

part-organization = Your organization
part-representative = Your representative
part-icann = Your organization and ICANN
part-declarations = Before you send

## Questions on the form

label-organization-name = Name of your organization
label-organization-name-latin = Name in Latin letters
label-domain-name = Domain name
label-website = Address of your website
label-country = Country or territory
label-registered = Is your organization a registered not-for-profit or non-governmental organization?
label-registration-note = About the registration
label-kind-of-work = Kind of work
label-statement = What your organization does, and why it wants to join
label-representative-name = Full name of your representative
label-representative-role = Role in your organization
label-representative-email = Email address of your representative
label-representative-phone = Phone number of your representative
label-alternate-name = Full name of an alternate representative
label-alternate-email = Email address of the alternate representative
label-ncsg-status = Is your organization a member of the NCSG, ICANN’s Non-Commercial Stakeholder Group?
label-icann-groups = Other ICANN groups that your organization belongs to
label-not-eligible = Is your organization one of these?
label-authorised = Authority to apply
label-authoriser = Who in your organization has agreed to the application
label-publish = Listing as a member
label-mailing-list = Members’ mailing list

## Short labels of the answers, on the check page, below the headings of the parts. English ones are in the email to staff too.

short-organization-name = Name
short-website = Website
short-registered = Registered
short-statement = Work, and reasons to join
short-representative-name = Name
short-representative-role = Role
short-representative-email = Email address
short-representative-phone = Phone number
short-alternate-name = Name of the alternate
short-alternate-email = Email address of the alternate
short-ncsg-status = NCSG member
short-icann-groups = Other ICANN groups
short-not-eligible = Reasons it may not be eligible
short-authorised = Authorized to apply
short-authoriser = Agreed by
short-publish = Agrees to be listed as a member
short-mailing-list = Agrees to join the mailing list

## Hints below the questions: no full stop at the end

hint-organization-name = The official name, as in your registration papers
hint-organization-name-latin = Only if the name above is in another alphabet or script
hint-domain-name = A name that only your organization uses. For example, example.org
hint-website = Only if it differs from the domain name
# $question (Text): label-registration-note
hint-country = Where your organization is registered, or where it works if it is not registered. If none fits, select the nearest and say so under “{ $question }”
hint-registered = If not, you can still apply. The executive committee decides case by case
hint-registration-note = The registration authority and number, or why your organization is not registered
hint-kind-of-work = Select the one that fits best
# $min (Number): the least number of characters
# $max (Number): the greatest number of characters
hint-statement = A few sentences, between { $min } and { $max } characters
hint-representative-name = The person who speaks for your organization in NPOC
hint-representative-role = For example: director, secretary, volunteer
hint-representative-email = NPOC will write to this address
hint-representative-phone = With the country code, in any format
hint-alternate-name = A person who can act for your representative. Give both name and email address, or neither
hint-ncsg-status = Members of NPOC are also members of the NCSG. The NCSG has its own form
hint-not-eligible = Select all that apply, or none. You can still send your application
hint-authoriser = Name and position, if it is someone other than you. For example, a director or a board

## Choices

choice-registered-yes = Yes
choice-registered-no = No
choice-work-philanthropic = Philanthropic
choice-work-humanitarian = Humanitarian
choice-work-educational = Educational
choice-work-academic-professional = Academic or professional
choice-work-religious = Religious
choice-work-community = Community
choice-work-arts = Arts
choice-work-public-interest-advocacy = Public interest advocacy
choice-work-health = Health
choice-work-social-inclusion = Social inclusion
choice-work-other = Other
choice-ncsg-member = Yes
choice-ncsg-applied = Applied, not yet accepted
choice-ncsg-not-yet = Not yet
choice-ncsg-unsure = I am not sure
choice-excluded-commercial = A commercial entity, or an organization whose members are mainly commercial, such as a chamber of commerce
choice-excluded-icann-contract = A provider of services under a contract or memorandum with ICANN
choice-excluded-seeks-office = A political organization whose main purpose is to hold office
choice-excluded-government = A body that represents a government in ICANN
choice-authorised = I am authorized to apply for my organization
choice-publish = If accepted, my organization may be listed as a member on NPOC’s site
choice-mailing-list = My organization’s representative may be added to the members’ mailing list

## Answers on the check page, where they are not the words of a choice

# A box that was ticked
answer-yes = Yes
# A box that was not ticked
answer-no = No
# None of several boxes was ticked
answer-none = None of these
# A question without an answer
answer-missing = Not provided

## The check page

check-title = Check your answers – NPOC membership
check-title-error = Error: Check your answers – NPOC membership
check-heading = Check your answers, then send them
# In bold
check-not-sent = Nothing has been sent yet.
check-lead = Read your answers, and change what is wrong. Then send the application with the button at the end.
# After a suggestion was taken
# $question (Text): the label of the question
# $answer (Element): the new answer, an email address
check-changed = Changed: the answer to “{ $question }” is now { $answer }.
check-too-many-heading = Not sent: too many applications from your network
check-too-many-text = Nothing was stored. Your answers are all here. Wait a minute, then send them again.
check-busy-heading = Not sent: the site is very busy
check-busy-text = Nothing was stored this time. Your answers are all here. Wait a minute, then send them again. They are stored once, even if you send them several times.
check-not-stored-heading = Your application may not have been stored
# $mail (Element): the link info@npoc.org
check-not-stored-text = Something failed on our side, so we do not know. Your answers are all here. Wait a minute, then send them again. They are stored once, even if you send them several times. If it still does not work, write to { $mail }.
# The heading of a list of doubtful answers
check-doubts-heading = Look at these answers again
# $mail (Element): the link info@npoc.org
# $join (Element): the link to “who can join”, with the words of check-eligibility-link
check-eligibility = You can still send your application. NPOC reads every application and decides. To ask first, write to { $mail }, or read { $join }.
check-eligibility-link = who can join
# A button beside an answer
check-change = Change
# The name of this button for screen readers. It begins with the words of the button.
# $question (Text): the label of the question
check-change-answer = Change: { $question }
# Buttons
check-send = Send application
check-send-again = Send application again

## Questions about doubtful answers, on the check page. No answer is refused for a doubt.

doubt-typo = Is this address correct?
# $given (Element): the address as typed
# $suggestion (Element): a similar address that is more usual
doubt-typo-text = { $given } looks like { $suggestion }. If the address is right, leave it.
# The same, if the suggestion is at the organization's own domain name
# $given (Element): the address as typed
# $suggestion (Element): a similar address at the organization's domain name
doubt-typo-own-text = { $given } looks like { $suggestion }. One of the two may be mistyped: the address, or the domain name. If the address is right, leave it.
# A button
# $suggestion (Element): the suggested address
doubt-typo-use = Use { $suggestion }
# A button
doubt-typo-change-domain = Change the domain name
# $subject (Element): an address or a domain name
doubt-question = Is { $subject } correct?
doubt-odd-mailbox = Some characters before the @ sign look like other characters, or are rare on keyboards. Check the spelling. If it is right, leave it.
doubt-long-mailbox = The part before the @ sign is longer than some email servers accept. If it is right, leave it.
# $name (Element): the domain name as the domain name system writes it, such as xn--bcher-kva.example
doubt-mixed-scripts = The name mixes letters of several scripts. One letter may be another letter that looks the same. In the domain name system it is { $name }. If it is right, leave it.
# $ending (Element): the last part of a domain name, such as .example
doubt-unknown-ending = We do not know the ending { $ending }. Check the spelling. If it is right, leave it.
doubt-not-registered = NPOC’s members are registered organizations. The executive committee may make an exception, case by case. The committee will read what you wrote about the registration.
# $host (Element): a domain name, such as facebook.com
doubt-shared-domain = NPOC asks for a domain name that only your organization uses. Others use { $host } too. If your organization has its own domain name, enter that one.
doubt-commercial = Commercial organizations cannot be members. Organizations whose members are mainly commercial, such as a chamber of commerce, cannot be members either.
doubt-icann-contract = Organizations that provide services under a contract or memorandum with ICANN cannot be members.
doubt-seeks-office = Political organizations whose main purpose is to hold office cannot be members.
doubt-government = Bodies that represent a government in ICANN cannot be members.
