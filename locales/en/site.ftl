# The frame of every page, the titles of the pages, and the error pages.
# Titles and labels of pages are in lower case in English, as in NPOC's leaflet. Other languages follow their own habit.

# The first link of a page, for people who use a keyboard
site-skip = Skip to main content
# The name of the link to the home page in the header, for screen readers
site-home-link = NPOC, not-for-profit organizations constituency
# The name of the same link in the footer, for screen readers
site-home-link-footer = NPOC, home page
# The name of the main navigation, for screen readers
site-nav-main = Main
# The name of the navigation in the footer, for screen readers
site-nav-footer = Footer
# Describes the picture that other sites show beside a link to this site
site-preview = NPOC, not-for-profit organizations constituency: many dots on an arc, joined to one point

# The name of the list of languages, for screen readers
site-languages = Language
# Beside the list of languages, on the form and the check page
site-languages-empty = These links open an empty form. The buttons at the end of this page keep what you typed.
# On the English home page, for a reader whose browser prefers this language. In the language of this file: “Cette page existe en français”
site-offer = This page is available in English
# In the footer, until NPOC has reviewed the translation. It is there in the language of the page and in English.
site-not-reviewed = NPOC has not reviewed this translation yet. The English text is the approved one.

# In the footer
site-footer-about = NPOC is a constituency of the Non-Commercial Stakeholder Group (NCSG) in ICANN.
# The heading of a list of links in the footer
site-footer-npoc = NPOC
# The heading of a list of links in the footer
site-footer-joining = Joining
# The heading of a list of links in the footer
site-footer-contact = Contact
# A link in the footer
site-footer-charter = NPOC’s charter
# A link to NPOC's page on a social network, such as LinkedIn
# $network (Text): the name of the network
site-profile = NPOC on { $network }

# The full name of NPOC, for search engines
site-npoc-full = Not-for-Profit Organizations Constituency

# Pages: label in the navigation, title of the document, description for search results

page-home-label = home
page-home-title = NPOC: not-for-profit organizations constituency
page-home-description = NPOC is the home for not-for-profit and nongovernmental organizations wishing to participate in ICANN’s policymaking processes.
page-who-label = who we are
page-who-title = who we are – NPOC
page-who-description = What NPOC, the Not-for-Profit Organizations Constituency, is, and which operational concerns it addresses.
page-goals-label = our goals
page-goals-title = our goals – NPOC
page-goals-description = NPOC represents the operational concerns of civil society organizations within the ICANN Internet governance ecosystem.
page-join-label = who can join
page-join-title = who can join NPOC, why and how – NPOC
page-join-description = Which organizations can join NPOC, why they should, and how an application goes.
page-icann-label = about ICANN
page-icann-title = about ICANN – NPOC
page-icann-description = What ICANN does, and how its multistakeholder model makes policy.
# The name of the form, on every button that leads to it
page-membership-label = NPOC membership
page-membership-title = NPOC membership: the application form
page-membership-description = Apply for your organization to become a member of NPOC. One page, about twenty minutes.
page-privacy-label = privacy
page-privacy-title = privacy – NPOC
page-privacy-description = What this site asks, why, and who sees it.
page-accessibility-label = accessibility
page-accessibility-title = accessibility – NPOC
page-accessibility-description = How this site is built for every reader, and how to report what does not work.

# Error pages: a heading and a text. Each text says what became of an application.

# The title of the document
# $heading (Text): the heading of the error page
error-title = { $heading } – NPOC
error-not-found = Page not found
error-not-found-text = If you typed the address, check that it is correct. If you followed a link, it may be old.
error-method = This page cannot be used that way
error-method-text = This address exists, but not for what your browser or program asked it to do. Nothing was stored.
error-timeout = Your answers did not arrive in time
error-timeout-text = The connection was too slow or broke off. Go back in your browser, where your answers still are, and send them again. They are stored once, even if you send them several times.
error-too-large = Your answers are too long to be read
error-too-large-text = Nothing was stored. Go back in your browser, where your answers still are. Shorten the longest one and send them again.
error-media-type = Your answers could not be read
error-media-type-text = They were compressed, or did not arrive in the format of a web form. Nothing was stored. Use the form on this site, or write to NPOC. A program must send them uncompressed, as application/x-www-form-urlencoded.
error-too-many = Too many at once
error-too-many-text = Your network has sent too much in a short time. Wait a minute. Then go back in your browser, where your answers still are, and send them again.
error-unavailable = Not available at the moment
error-unavailable-text = The site is running, but cannot do this at the moment. Try again in a minute. If you were sending answers, go back in your browser, where they still are, and send them again.
error-encoding = This request could not be understood
error-encoding-text = It uses an encoding that this site cannot read. Nothing was stored. Use the form on this site, or write to NPOC.
error-request = This request could not be understood
error-request-text = Nothing was stored. Go back and try again.
error-internal = Something went wrong on our side
error-internal-text = This is our fault, not yours, and we have a record of it. Try again in a minute. If you were sending an application, go back in your browser and send it again. It is stored once, even if you send it several times.
# A heading above links
error-ways = Where you can go from here
error-way-home = The home page
error-way-join = Who can join NPOC, and how
error-way-form = The application form: NPOC membership
# $mail (Element): the link info@npoc.org
error-contact = Still not working? Write to { $mail }.
# $status (Number): the HTTP status code, such as 404
error-status = Error { $status }
