# The review of an application: its page for the applicant, and the emails about each change.

# The states of an application, as headings
state-in-review = NPOC is reviewing your application
state-asked = NPOC has a question for you
state-accepted = NPOC has accepted your application
state-not-accepted = NPOC has not accepted your application
state-appealed = NPOC is considering your appeal
state-withdrawn = You have withdrawn your application
state-lapsed = Your application has lapsed
state-dismissed = NPOC has closed your application
# The title of the document
# $state (Text): one of the states above
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
state-title = { $state }: { $reference } – NPOC
# $time (Text): day and time, such as 26 November 2026, 14:05 UTC
state-since = Since { $time }
state-secret = Keep the address of this page secret. Anyone who knows it can read this page, answer for you and withdraw your application.

# What happens next, for each state
state-in-review-text = NPOC is reading your application and may ask you a question. At each change, we will write an email to your representative.
# $day (Text): a day, such as 26 November 2026; the end of this day is the deadline
state-asked-text = Please answer by { $day }, on this page or by replying to our email. We also take a later answer.
state-accepted-text = NPOC will write to your representative about the next steps.
# $day (Text): a day, such as 26 November 2026; the end of this day is the deadline
state-not-accepted-text = You can appeal on this page until { $day }. A person who did not take this decision will decide the appeal. We also take a later appeal, and mark it as late.
# $mail (Element): the link info@npoc.org
state-final-text = This is the decision on your appeal. If you have a question, write to { $mail } and quote the reference.
state-appealed-text = A person who did not take the first decision is deciding your appeal. You have nothing to do now.
# $day (Text): a day, such as 26 November 2026
state-withdrawn-text = If you have changed your mind, you can undo the withdrawal on this page until { $day }.
# $mail (Element): the link info@npoc.org
state-withdrawn-final-text = If you have changed your mind, write to { $mail } and quote the reference.
state-lapsed-text = We received no answer to our question. Your application continues as soon as you answer.
# $mail (Element): the link info@npoc.org
state-dismissed-text = NPOC has closed this application without review. If that is wrong, write to { $mail } and quote the reference.
# $mail (Element): the link info@npoc.org
state-duplicate-text = NPOC has closed this application because there is another application of your organization. If that is wrong, write to { $mail } and quote the reference.

# Above the words of NPOC
state-question = NPOC’s question
state-reason = NPOC’s reason

# The forms on the status page
state-answer-heading = Answer the question
state-answer-label = Your answer
# $min (Number): the fewest characters
# $max (Number): the most characters
state-length-hint = { $min } to { $max } characters. This page will not show the text after it is sent
state-answer-send = Send the answer
state-appeal-heading = Appeal
state-appeal-label = Why NPOC should decide otherwise
state-appeal-send = Send the appeal
state-withdraw-heading = Withdraw your application
state-withdraw-text = NPOC then stops the review and tells your representative by email. You can undo the withdrawal within 14 days.
state-withdraw-tick = Yes, withdraw our application
state-withdraw-send = Withdraw the application
state-undo-heading = Undo the withdrawal
state-undo-tick = Yes, continue our application
state-undo-send = Continue the application
# $min (Number): the fewest characters
state-too-short = Write a longer text. It needs at least { $min } characters
# $max (Number): the most characters
# $given (Number): the characters of the text
state-too-long = Write a shorter text. It can have { $max } characters; it has { $given }
state-not-ticked = Tick the box first
state-changed = Your application has changed in the meantime. This page shows where it stands now. Nothing was sent
# Above the text that was not sent
state-not-sent = You wrote this text, but it was not sent:
state-unavailable = This is not possible at the moment. Your text is below. Wait a minute, then try again

# The changes so far, each with its time
state-history = What has happened so far
event-received = Your application arrived
event-review-begun = The review began
event-asked = NPOC asked a question
event-answered = You answered
event-accepted = NPOC accepted your application
event-not-accepted = NPOC did not accept your application
event-appealed = You appealed
event-withdrawn = You withdrew your application
event-undone = You undid the withdrawal
event-lapsed = The application lapsed
event-dismissed = NPOC closed the application
event-reopened = NPOC reopened the application

# The emails about changes, each with its subject
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-asked-subject = NPOC has a question about your application: { $reference }
# Before the question
update-asked = NPOC is reviewing your organization’s application for membership, and has a question for you:
# Before the address of the status page
# $day (Text): a day, such as 26 November 2026; the end of this day is the deadline
update-asked-how = Please answer by { $day }. You can reply to this email, or answer on this page:
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-reminder-subject = NPOC waits for your answer: { $reference }
# Before the question
update-reminder = NPOC has asked a question about your organization’s application for membership, and has no answer yet. This is the question:
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-lapsed-subject = Your application to NPOC has lapsed: { $reference }
# Before the address of the status page
update-lapsed = NPOC received no answer to its question, so your organization’s application has lapsed. It continues as soon as you answer. Answer on this page:
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-answered-subject = NPOC has received your answer: { $reference }
update-answered = Your answer has arrived. NPOC continues the review. You have nothing to do now.
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-accepted-subject = NPOC has accepted your application: { $reference }
update-accepted = Welcome! NPOC, the Not-for-Profit Organizations Constituency, has accepted your organization’s application for membership.
update-accepted-next = NPOC will write to you about the next steps.
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-not-accepted-subject = NPOC has not accepted your application: { $reference }
# Before the reason
update-not-accepted = NPOC, the Not-for-Profit Organizations Constituency, has not accepted your organization’s application for membership. This is the reason:
# Before the address of the status page
# $day (Text): a day, such as 26 November 2026; the end of this day is the deadline
update-not-accepted-how = You can appeal until { $day }. A person who did not take this decision will decide the appeal. Write your appeal on this page:
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-appealed-subject = NPOC has received your appeal: { $reference }
update-appealed = Your appeal has arrived. A person who did not take the first decision will decide it. We will write to you at this address.
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-appeal-decided-subject = NPOC has decided your appeal: { $reference }
update-appeal-accepted = NPOC has decided your appeal, and accepts your organization’s application for membership. Welcome!
# Before the reason
update-appeal-not-accepted = NPOC has decided your appeal, and does not accept your organization’s application for membership. This is the reason:
update-appeal-final = This decision on the appeal is final. If you have a question, reply to this email and quote the reference.
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-withdrawn-subject = Your application to NPOC is withdrawn: { $reference }
# Before the address of the status page
# $day (Text): a day, such as 26 November 2026; the end of this day is the deadline
update-withdrawn = A person who knows the secret address of your application’s page has withdrawn your organization’s application to NPOC. If that was not you, or if you have changed your mind, undo the withdrawal by { $day } on this page:
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-undone-subject = Your application to NPOC continues: { $reference }
update-undone = The withdrawal of your organization’s application to NPOC was undone. NPOC continues where it stopped.
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-duplicate-subject = NPOC has closed your application: { $reference }
update-duplicate = There is another application of your organization to NPOC. Therefore we have closed this one. If that is wrong, reply to this email and quote the reference.
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-reopened-subject = NPOC has reopened your application: { $reference }
# Before the reason
update-reopened = NPOC has reopened your organization’s application and is reviewing it. This is the reason:
# Before the address of the status page
update-page = To see where your application stands:
# Before the address info@npoc.org
update-contact = If you have a question, reply to this email and quote the reference. Or write to:

# The form that asks for a link to correct the answers
state-change-heading = Correct your answers
state-change-text = We send a link to your representative by email. It opens the form with your answers, and works once, for 24 hours.
state-change-send = Send the link
# The page after that
change-sent-heading = Look at your email
change-sent-text = We have sent the link to your representative, or to the alternate if our emails to the representative come back. If there is no email after five minutes, look in the spam folder.
change-limited-heading = We send no more links now
# $mail (Element): the link info@npoc.org
change-limited-text = We have sent several links already. Look in the mailbox of your representative, or try again tomorrow. If that does not help, write to { $mail } and quote the reference.
change-unreachable-heading = Our emails come back
# $mail (Element): the link info@npoc.org
change-unreachable-text = Our emails to the addresses in your application come back. Write to { $mail } and quote the reference.
change-page-link = To the page of your application
# The form with the answers
change-title = Correct your answers – NPOC
change-title-error = Error: Correct your answers – NPOC
change-lead = Change what is wrong, and leave the rest. Staff of NPOC see the old and the new answers.
change-send = Send the corrections
change-outdated = Your application has changed in the meantime. Look at your answers again, then send the corrections
change-unavailable = This is not possible at the moment. Your answers are below. Wait a minute, then try again
# The page of a link that was used
change-done-heading = Your corrections have arrived
change-done-text = We have written to your representative by email.
# The page of a link that does not work any more
change-dead-heading = This link does not work
change-dead-text = A link to correct your answers works once, for 24 hours, while NPOC reviews the application. Ask for another one on the page of your application.
event-corrected = You corrected your answers
event-representative = The email address of your representative changed
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-change-subject = Correct your application to NPOC: { $reference }
update-change = A person who knows the secret address of your application’s page has asked to correct the answers. If that was not you, ignore this email: nothing changes.
# Before the address of the form
update-change-once = To correct the answers, open this link. It works once, for 24 hours:
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-corrected-subject = Your application to NPOC is corrected: { $reference }
# Before a list of questions
update-corrected = The answers to these questions in your organization’s application to NPOC were corrected:
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-representative-subject = The representative’s address in your application to NPOC: { $reference }
# Before the address of the status page
update-representative-new = This is now the address of your organization’s representative in its application to NPOC. We write to it from now on. The page of the application has a new secret address:
update-representative-former = The address of the representative in your organization’s application to NPOC has changed, and NPOC writes to the new address from now on. The link to the page of the application that you had no longer works. If that is wrong, reply to this email and quote the reference.
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-link-subject = The page of your application to NPOC: { $reference }
update-link = NPOC sends you the link to the page of your organization’s application again.
# In place of the page whose secret address is another one now
change-moved-heading = This page has a new address
change-moved-text = The email address of the representative has changed. We have sent the new address of this page to the representative.
# Above the form, if no answer is another one
change-same = No answer is different from what we have. Change what is wrong, then send the corrections
# Above the form, if the representative gets another email address
# $address (Text): the new address
change-check-address = From now on, we will write to { $address }, and the page of your application gets a new secret address. Check this email address, then send the corrections again
