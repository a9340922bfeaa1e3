# French: translated from English.
email-subject = Votre demande d’adhésion à la NPOC est bien arrivée : { $reference }
email-title = Votre demande d’adhésion à la NPOC est bien arrivée
email-masthead = Unité constitutive des organisations à but non lucratif
email-arrived = La demande d’adhésion de votre organisation à la NPOC, l’Unité constitutive des organisations à but non lucratif, est bien arrivée.
email-reference = Votre numéro de référence :
email-next-heading = Ce qui se passe ensuite
email-next-decides = La NPOC lit votre demande et décide. Nous vous écrirons à cette adresse.
email-next-ncsg = Les membres de la NPOC sont aussi membres du NCSG, le Groupe des entités non commerciales de l’ICANN. Le NCSG a son propre formulaire. Si votre organisation n’y a pas encore fait de demande, remplissez aussi ce formulaire et choisissez-y la NPOC :
email-next-appeal = Si la NPOC n’accepte pas la demande, vous pouvez former un recours.
email-receipt = Votre accusé de réception, qui indique aussi où en est votre demande :
email-contact = Si vous avez une question ou une correction, indiquez le numéro de référence. Si vous n’avez pas fait de demande, dites-le-nous. Répondez à cet e-mail, ou écrivez à :
email-signature = NPOC, Unité constitutive des organisations à but non lucratif
