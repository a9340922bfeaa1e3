# Spanish: translated from English.
email-subject = Hemos recibido su solicitud a la NPOC: { $reference }
email-title = Hemos recibido su solicitud a la NPOC
email-masthead = Unidad Constitutiva de Organizaciones sin Fines de Lucro
email-arrived = Hemos recibido la solicitud de su organización para unirse a la NPOC, la Unidad Constitutiva de Organizaciones sin Fines de Lucro.
email-reference = Su número de referencia:
email-next-heading = Qué ocurre ahora
email-next-decides = La NPOC lee su solicitud y decide. Le escribiremos a esta dirección.
email-next-ncsg = Los miembros de la NPOC también son miembros del NCSG, el Grupo de Partes Interesadas No Comerciales de la ICANN. El NCSG tiene su propio formulario. Si su organización todavía no ha presentado allí una solicitud, complete también ese formulario y seleccione NPOC en él:
email-next-appeal = Si la NPOC no acepta la solicitud, usted puede apelar.
email-receipt = Su comprobante, que también muestra en qué punto está su solicitud:
email-contact = Si tiene una pregunta o una corrección, indique el número de referencia. Si usted no presentó la solicitud, avísenos. Responda a este correo electrónico o escriba a:
email-signature = NPOC, Unidad Constitutiva de Organizaciones sin Fines de Lucro
