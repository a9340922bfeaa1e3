# Simplified Chinese: translated from English.

email-subject = 已收到您的 NPOC 入会申请：{ $reference }
email-title = 已收到您的 NPOC 入会申请
email-masthead = 非营利组织选区
email-arrived = 我们已收到贵组织加入非营利组织选区（NPOC）的申请。
email-reference = 您的参考编号：
email-next-heading = 接下来的流程
email-next-decides = NPOC 审阅您的申请并作出决定。我们会发送邮件到这个地址与您联系。
email-next-ncsg = NPOC 的成员同时也是 ICANN 非商业利益相关方团体（NCSG）的成员。NCSG 有自己的申请表。如果贵组织尚未向 NCSG 提出申请，请一并填写该申请表，并在其中选择 NPOC：
email-next-appeal = 如果 NPOC 没有批准申请，您可以申诉。
email-receipt = 您的回执，其中也会显示申请的进展：
email-contact = 如有疑问或需要更正，请注明参考编号。如果您没有提出申请，请告诉我们。请回复本邮件，或发送电子邮件至：
email-signature = NPOC，非营利组织选区
