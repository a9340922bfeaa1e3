# The receipt of an application.

# The title of the document
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
status-title = Application received: { $reference } – NPOC
status-heading = Thank you. We have your application.
# Above the reference
status-reference = Your reference
# $time (Text): day and time, such as 26 November 2026, 14:05 UTC
status-received = Received on { $time }. Keep this page: bookmark it, print it, or write down the reference.
status-bounced-heading = An email to you came back
# $mail (Element): the link info@npoc.org
status-bounced-text = Our email to the address in your application came back. Your application is safe. Write to { $mail }, quote your reference, and give an address where NPOC can reach you. If your mailbox was full, say so.
status-held-heading = You will get no confirmation email today
status-held-text = Your application is safe. NPOC receives it like every other application. The site sends a limited number of confirmations a day, and the limit is reached. You do not need to apply again. This page is your confirmation.
status-ncsg-heading = Your next step: the NCSG
status-ncsg-text = Members of NPOC are also members of the NCSG, ICANN’s Non-Commercial Stakeholder Group. The NCSG has its own form. If your organization has not applied there yet, complete that form too. The form asks for a constituency: select NPOC there.
status-next-heading = What happens next
status-next-stored = Your application is stored. NPOC receives your answers by email.
# Behind the sentence above
status-next-confirmation = Your representative receives a confirmation.
status-next-decides = NPOC reads your application and decides.
status-next-writes = NPOC will write to your representative at the address in the form. If NPOC does not accept the application, you can appeal.
status-contact-heading = How to reach NPOC
# $mail (Element): the link info@npoc.org
status-contact-text = If you have a question or a correction, write to { $mail } and quote the reference.
status-contact-spam = If you have no email from us by tomorrow, look in the spam folder first. Then write to us.
# Above buttons with the names of the languages
status-languages = Language of this page
