# The texts of the pages. The sentences of the brochure are NPOC's own words, approved in English.

## Home page

# The heading. In lower case in English, as in NPOC's leaflet.
# $whole (Element): the words of home-title-whole, which stay on one line
home-title = a voice in ICANN for { $whole } organizations
home-title-whole = not-for-profit
home-lead = NPOC, the Not-for-Profit Organizations Constituency, is the home for not-for-profit and nongovernmental organizations wishing to participate in ICANN’s policymaking processes.
# A link to “who can join”
home-can-join = Can your organization join?
# Describes a drawing for screen readers
home-regions = Organizations in ICANN’s five regions, joined to one point: NPOC
# ICANN's five regions in the drawing. Two of them have two short lines.
home-region-africa = Africa
home-region-latin-america-1 = Latin America/
home-region-latin-america-2 = Caribbean islands
home-region-north-america = North America
home-region-asia-1 = Asia/Australia/
home-region-asia-2 = Pacific
home-region-europe = Europe
home-join-heading = who can join NPOC
home-join-text = All registered not-for-profit and non-governmental organizations, as long as they have a registered domain name, have the right to make their voices heard on how the DNS will evolve in the future.
home-rule-registered = A registered not-for-profit or non-governmental organization
# $org (Element): .org
# $kenya (Element): .ke
# $brazil (Element): .br
# $egypt (Element): the Arabic ending .مصر
home-rule-domain = A domain name that your organization alone uses, whatever its ending: { $org }, { $kenya }, { $brazil }, { $egypt }
home-rule-noncommercial = Work online that is primarily non-commercial
home-rules-link = See the rules in full
home-who-heading = who we are
home-who-link = More about who we are
home-goals-heading = our goals
home-goals-text = NPOC’s goal is to represent, in the best way possible, the operational concerns of civil society organizations within the ICANN Internet governance ecosystem. Community outreach and engagement play important roles in achieving this goal.
home-goals-link = How we work toward our goals
home-icann-heading = about ICANN
home-icann-text = ICANN’s mission is to help ensure a stable, secure and unified global Internet.
home-icann-link = How policy is made, and NPOC’s part in it

## How to join: three steps, on the home page. The last paragraph is also on “who can join”.

how-heading = how to join NPOC
how-step-1 = See who can join.
# A link behind the sentence above
how-step-1-link = The rules, and what to have at hand
how-step-2 = Complete the form.
how-step-2-text = It takes about twenty minutes. You check your answers before you send them.
how-step-3 = NPOC reads it and decides.
how-step-3-text = NPOC will write to your representative.
how-ncsg = Members of NPOC are also members of the NCSG, which has its own form.
# A link behind the sentence above
how-ncsg-link = About the two applications
# $membership (Element): the link to the form, with the words of page-membership-label
# $mail (Element): the link info@npoc.org
how-easy = To become a member is easy — click on “{ $membership }” and complete the membership form. If you have any questions, or want to get involved, please contact { $mail }.

## Who we are

who-heading = who we are
who-lead = NPOC, the Not-for-Profit Organizations Constituency, is the home for not-for-profit and nongovernmental organizations wishing to participate in ICANN’s policymaking processes.
who-role-heading = our role
who-role-1 = NPOC’s role is to engage the ICANN community on how proposed and existing policies and initiatives uniquely affect those it represents.
who-role-2 = NPOC is focused on how proposed and existing ICANN policies and initiatives uniquely affect not-for-profit- and non-governmental organizations, and especially in their ability to deliver their mission through their Internet domain.
who-concerns-heading = what we are concerned with
# Before three items of a list. Also on the home page.
who-concerns = NPOC serves its members and communities by addressing specific operational concerns, including:
who-concern-registering = Registering and maintaining domain names fairly and efficiently
who-concern-fraud = Protecting against fraud and abuse
who-concern-privacy = Ensuring security and privacy whilst using the Domain Name System (DNS)
# A link to the page “our goals”
who-next = Next: our goals
# The heading above a list of people and their roles
who-leaders-heading = who leads NPOC
who-charter-heading = NPOC’s charter
who-charter-text = The charter says who can be a member, and sets out the application process and a route of appeal.
# A link. Also on “who can join”.
who-charter-link = Read NPOC’s charter

## Our goals

goals-heading = our goals
goals-lead = NPOC’s goal is to represent, in the best way possible, the operational concerns of civil society organizations within the ICANN Internet governance ecosystem.
goals-how-heading = how we work
goals-how-text = Community outreach and engagement play important roles in achieving this goal.
# Describes a drawing for screen readers
goals-drawing = One organization hears of NPOC, joins it, and takes part in a working group of ICANN
# Three short labels in the drawing, at most 18 letters each
goals-drawing-1 = hears of NPOC
goals-drawing-2 = is a member
goals-drawing-3 = works on policy
# Before three items of a list
goals-strategies = Strategies include:
goals-strategy-1 = Raising awareness in civil society organizations about how to address their DNS-related operational concerns.
goals-strategy-2 = Sensitizing civil society organizations to DNS-related operational concerns and relevance for them to become NPOC members.
goals-strategy-3 = Encouraging and supporting the participation of NPOC members in all ICANN policymaking processes, such as working groups.
# A link to the page “who can join NPOC”. Also on “about ICANN”.
goals-next = Next: who can join NPOC

## About ICANN

icann-heading = about ICANN
icann-lead = ICANN’s mission is to help ensure a stable, secure and unified global Internet.
icann-addresses-heading = unique addresses
icann-addresses-1 = To reach another person on the Internet, you have to type an address into your computer or other device. That address has to be unique so computers know where to find each other. ICANN helps coordinate and support these unique identifiers across the world.
# $icann (Element): the link icann.org
icann-addresses-2 = ICANN was formed in 1998 as a not-for-profit public-benefit corporation and a community with participants from all over the world. For more information please visit: { $icann }
icann-policy-heading = how policy is made
icann-policy-1 = At the heart of ICANN’s policymaking is what is called a “multistakeholder model.” This is a community-based consensus-driven approach to policymaking.
icann-policy-2 = The idea is that Internet governance should mimic the structure of the Internet itself — borderless and open to all.
# The title of a drawing, for screen readers
icann-drawing = NPOC’s place in ICANN
# Describes the drawing, for screen readers
icann-drawing-text = Four arches, one inside the other: ICANN contains the GNSO, the GNSO contains the NCSG, and the NCSG contains two constituencies, NPOC and NCUC. Lines lead from ICANN, through its contracts, to registries and registrars, and from both to the Domain Name System, which contains your domain name.
# Labels in the drawing: short. Below “ICANN”, beside a line that leads to registries and registrars:
icann-drawing-contracts = contracts with
icann-drawing-registries = registries
icann-drawing-registrars = registrars
icann-drawing-dns = Domain Name System
icann-drawing-domain = your domain name
icann-caption = NPOC and its sister constituency, the NCUC, belong to the NCSG, the Non-Commercial Stakeholder Group. The NCSG is part of the GNSO, the Generic Names Supporting Organization, in ICANN.
icann-role-heading = ICANN’s role
# “we” is ICANN: this paragraph is ICANN's own text in NPOC's leaflet
icann-role-text = ICANN plays a unique role in the infrastructure of the internet. Through its contracts with registries (such as dot-com or dot-info) and registrars (companies that sell domain names to individuals and organisations), we help define how the Domain Name System (DNS) functions and expands.

## Who can join

join-heading = who can join NPOC
join-lead = Your organization can join if all four rules are true. Here is how to find out, and what happens then.
# Beside the button to the form
join-effort = One form, about twenty minutes
# The name of the table of contents, for screen readers
join-contents = On this page
# Links in the table of contents
join-contents-rules = the four rules
join-contents-how = how it goes
join-contents-needed = what to have at hand
join-contents-ncsg = NPOC and the NCSG
join-contents-questions = questions
join-who-heading = who can join, and why
join-who-text = All registered not-for-profit and non-governmental organizations, as long as they have a registered domain name, have the right to make their voices heard on how the DNS will evolve in the future.
join-why-heading = why should you join
join-why-text = NPOC members participate in the different spaces where ICANN develops and reviews the policymaking process. NPOC also creates an opportunity for NGOs to network and share concerns about the development of the Internet ecosystem.
join-rules-heading = the four rules
join-rules-text = Your organization can join if all four are true.
join-rule-1 = 1. you are an organization
join-rule-1-text = NPOC takes organizations as members, not individuals.
join-rule-2 = 2. your organization is registered
join-rule-2-text = Members are registered legal entities. The form asks for the registration authority and the number. NPOC uses them to look up your organization.
join-rule-3 = 3. your organization has a domain name that it alone uses
# $kenya (Element): .ke
# $brazil (Element): .br
join-rule-3-text = One domain name is enough, whatever its ending. A name under a country code, such as { $kenya } or { $brazil }, counts as well.
join-rule-4 = 4. your organization’s work online is primarily non-commercial
join-rule-4-text = If your organization has members, they are mainly non-commercial too. A chamber of commerce, for example, is not eligible.
join-excluded-heading = who is not eligible
join-excluded-commercial = Commercial entities, and organizations whose members are mainly commercial
join-excluded-contract = Providers under a contract or a memorandum with ICANN; registries and registrars, for example, have contracts with it
join-excluded-political = Political organizations whose main purpose is to hold office
join-excluded-government = Bodies representing a government in ICANN
join-how-heading = how it goes
join-how-1 = You complete the form, and check your answers. Nothing is sent before that.
join-how-2 = You send the application. You see a receipt with a reference to quote.
join-how-3 = The site stores the application and sends every answer to NPOC by email.
join-how-4 = Your representative gets an email that confirms the arrival.
join-how-5 = NPOC reads the application and decides. NPOC will write to your representative.
join-needed-heading = what to have at hand
join-needed-text = The form asks for all of this on one page. There is no time limit. You can write in any alphabet or script.
join-needed-organization = about your organization
join-needed-name = Its name, and its name in Latin letters if that is different
join-needed-domain = Its domain name, and the address of its website if that is different
join-needed-country = The country where it is registered, the registration authority and the number
join-needed-work = The kind of work that it does
join-needed-statement = A few sentences about what it does and why it wants to join
join-needed-people = about the people
join-needed-people-text = A member has one Organizational Representative and may name alternates.
join-needed-representative = The Organizational Representative: name, role and email address; a phone number if you like
join-needed-alternate = An alternate representative, if you like: name and email address
join-needed-authoriser = The name and position of the person or board that agreed, if that is someone else
join-needed-icann = about ICANN
join-needed-ncsg = Whether your organization is a member of the NCSG, or has applied there
join-needed-groups = Other ICANN groups that it belongs to, if any
join-needed-eligible = Whether your organization is one of those that are not eligible
join-needed-end = At the end you confirm that you are authorized to apply. You also say whether your organization may be listed as a member, and whether your representative may be added to the members’ mailing list.
# A link to the page “privacy”. Also on the form.
join-privacy-link = How we use your answers
join-ncsg-heading = NPOC and the NCSG: two applications
join-ncsg-text = Members of NPOC are also members of the NCSG, ICANN’s Non-Commercial Stakeholder Group. The NCSG has its own form.
join-ncsg-npoc = To join NPOC
# $membership (Element): the link to the form, with the words of page-membership-label
join-ncsg-npoc-text = The form on this site: { $membership }
join-ncsg-ncsg = To join the NCSG
# $application (Element): the link to the NCSG's form, with the words of ncsg-application
join-ncsg-ncsg-text = The NCSG’s form, on its own site: { $application }. The form asks for a constituency. Select NPOC there.
join-ncsg-separate = This site does not send your answers to the NCSG.
# The name of the NCSG's form, on links and buttons
ncsg-application = NCSG membership application
join-questions-heading = questions
join-question-registered = what if your organization is not registered?
join-answer-registered = You can still apply, and say why. The executive committee may make an exception, case by case.
join-question-platform = what if your organization has only a page on a platform?
# $mail (Element): the link info@npoc.org
join-answer-platform = A member needs a domain name that no one else uses. Write to { $mail } before you apply.
join-question-eligible = what if you are not sure that your organization is eligible?
# $mail (Element): the link info@npoc.org
join-answer-eligible = You can apply: the people who decide see your answers. Or ask at { $mail } first.
join-question-public = is membership public?
join-answer-public = Membership is published on NPOC’s site. The form asks whether your organization may be listed.
join-question-cost = what does it cost, and how long does a decision take?
# $mail (Element): the link info@npoc.org
join-answer-cost = Ask NPOC at { $mail }.
join-question-appeal = how do you ask about an application, or appeal?
# $mail (Element): the link info@npoc.org
join-answer-appeal = Write to { $mail } and quote the reference. NPOC’s charter sets out a route of appeal.

## Privacy

privacy-heading = privacy
privacy-lead = You can read this site without giving us any information. If you apply for membership, we use your answers to deal with your application.
privacy-reading-heading = reading this site
privacy-reading-text = The pages set no cookies, run no scripts and load nothing from other sites. There is no tracking and no advertising. The pages do not tell anyone else what you read.
privacy-form-heading = what the form asks, and why
privacy-form-organization = About the organization: its name, domain name, website, country, registration, kind of work and statement. NPOC uses them to decide whether the organization can join.
privacy-form-representative = About its representative: name, role, email address and, if you like, a phone number. NPOC uses them to reach the organization.
privacy-form-alternate = About an alternate representative, if you name one: name and email address.
privacy-form-icann = About ICANN: whether the organization is a member of the NCSG, which other groups it belongs to, and whether anything on the list of organizations that are not eligible applies to it.
privacy-form-declarations = Declarations: that you are authorized to apply for the organization, who else in it has agreed, and whether you agree to be listed.
privacy-form-language = The language of the form that you used. The site writes to you in this language.
privacy-form-text = The form marks the questions that are optional. If you name other people, tell them.
privacy-answers-heading = where your answers go
# $mail (Element): the link info@npoc.org
privacy-answers-1 = Your answers are stored in NPOC’s database only after you press the button that sends the application. Then the site sends them by email to NPOC’s staff at { $mail }. The representative gets an email that confirms the arrival, then an email at each change. These emails repeat none of your answers.
privacy-answers-2 = The network address of your device is not kept with the application. To recognize spam, the site looks at the answers and at how quickly the form was filled in. An application that looks like spam is marked. It is kept and read like every other application.
privacy-answers-3 = People whom NPOC has authorized also read the applications on this site and decide there. They sign in, and only then does their browser keep a cookie. The site records who did what, and when.
privacy-answers-4 = Each application has a page at a secret address, which is in our emails to the representative. This page shows where the application stands, NPOC’s questions and the reasons that NPOC gives. Of your answers it shows only the domain name. Anyone who knows the address can also answer a question, appeal, withdraw the application, and ask the site to check the domain name.
privacy-answers-5 = To correct answers, the page sends a link by email to the representative, or to the alternate if emails to the representative come back. The link opens the form with the answers, once and for 24 hours. If the representative’s address changes, the page gets another secret address.
# Only on a site that looks up domain names
privacy-domain-heading = what the site looks up
privacy-domain-text = The site looks up the domain name of an application: in DNS, and at the website that the application names. Staff see what it found. Visitors’ browsers take no part in this.
privacy-domain-registry = It also asks the registry of the domain name, and the company that sold the name: when it was registered, when the registration ends, and for which organization, if they show it. They receive only the domain name.
privacy-published-heading = what is published
privacy-published-text = An application is not published. The form asks whether your organization may be listed as a member on NPOC’s site if it is accepted. NPOC’s charter says that membership is published. The representative is added to the members’ mailing list only if you agree to that.
privacy-kept-heading = how long we keep it
# $days (Number): how many days an application is kept
privacy-kept-days = { $days ->
    [one] An application is erased { $days } day after it arrived, as a rule at most two days later. The emails about it that this site kept are erased with it.
   *[other] An application is erased { $days } days after it arrived, as a rule at most two days later. The emails about it that this site kept are erased with it.
}
privacy-kept-longer = NPOC’s staff get a notice a day before. An application stays longer in three cases: if an email about it is not sent yet; if this site cannot be sure of the date; and if very many applications are due at once. Then a tenth of all applications is erased each day.
privacy-kept-decided = If NPOC decides about applications on this site, the days count from the day on which an application was closed, or from the end of the time for an appeal if that is later. In this case, no open application is erased because of its age.
privacy-kept-unset = NPOC has not yet set a period for keeping applications.
privacy-kept-mailbox = The emails that NPOC’s staff received are in their mailbox. This site cannot reach that mailbox.
privacy-rights-heading = see, correct or erase
# $mail (Element): the link info@npoc.org
privacy-rights-text = You can ask to see what we keep about you or your organization, to correct it, or to erase it. Write to { $mail }. If you have the reference from your receipt, quote it. After an application is erased, this site keeps only its reference, the time of its arrival, of each change and of its erasure, who made each change, and the times when emails about it were sent.

## Accessibility

access-heading = accessibility
access-lead = Every organization that can join NPOC should be able to read this site and apply on it. Our aim is level AA of the Web Content Accessibility Guidelines (WCAG) 2.2.
access-did-heading = what we did
access-did-scripts = Every page, and the form, works without scripts.
access-did-time = The form has no time limit, and keeps your answers when there is a problem.
access-did-keyboard = You can use everything with a keyboard, and the focus is always visible.
access-did-colors = We chose colors with the contrast that level AA asks for, in light and in dark. The pages follow your settings for more contrast, your own colors and less motion.
access-did-zoom = You can enlarge the text to 400% without scrolling sideways.
access-did-languages = The pages and the form are in several languages. You can change the language of the form and keep your answers.
access-did-scripts-of-answers = You can write your answers in any script, from left to right or from right to left.
access-did-problems = The form lists its problems at the top, in words, each with a link to its question.
access-tested-heading = how we tested it
access-tested-text = The people who built the site tested it in November 2026:
access-tested-programs = With programs that look for errors: axe-core, HTML_CodeSniffer, IBM Equal Access and the Nu HTML Checker, on every page and in every state of the form: empty, refused, checked, received, and the error pages. They found no error. axe-core runs again before every change.
access-tested-keyboard = With only the keyboard, in Chromium: all the way from the home page to the receipt, with and without mistakes.
access-tested-chromium = In Chromium: 320 pixels wide, enlarged to 400%, with wider text spacing, in light, dark and forced colors, with less motion, without scripts, in print, and from right to left.
access-tested-text-browsers = In the text browsers Lynx and w3m: the whole form.
access-tested-limits = Programs can find only some of the problems.
access-problems-heading = what we did not do, and known problems
access-problem-readers = No one has yet tested the site with a screen reader or voice control on their own device. We have not yet asked a person with a disability to test it. We checked the names and states that such programs read in Chromium only.
access-problem-language = Your answers may be in any language, but the pages cannot mark the language. A screen reader may read them with the voice of the page’s language.
access-problem-countries = The list of countries is long. In most browsers, you can type the first letters of a name to find it.
access-problem-lynx = The text browser Lynx selects the first choice of each question by itself. Make sure that it is correct when you check your answers.
access-tell-heading = tell us, or apply in another way
# $mail (Element): the link info@npoc.org
access-tell-text = If something does not work for you, write to { $mail }. If you can, say which page it is and what you use to read it. If you cannot use the form, write to the same address to apply in another way.
