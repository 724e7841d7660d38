"""What users read, by event and language.  The contract has no texts; these are our own (devices.md, section 12.2)."""

from collections.abc import Mapping

from functions.push.domain import Text

_NEWS = {
    "en": Text("Something new for you", "Open the app to see what has changed."),
    "de": Text("Es gibt Neuigkeiten", "Öffnen Sie die App, um zu sehen, was sich geändert hat."),
    "pt": Text("Há novidades para si", "Abra a aplicação para ver o que mudou."),
    "it": Text("Ci sono novità", "Apri l'app per vedere che cosa è cambiato."),
}

TEXTS: Mapping[str, Mapping[str, Text]] = {
    "DatawalletModificationsCreated": _NEWS,
    "ExternalEventCreated": _NEWS,
    "DeletionProcessStarted": {
        "en": Text("Deletion started", "One of your identities is going to be deleted. You can still cancel it."),
        "de": Text("Löschung begonnen", "Eine Ihrer Identitäten wird gelöscht. Noch können Sie das abbrechen."),
        "pt": Text("Eliminação iniciada", "Uma das suas identidades vai ser eliminada. Ainda pode cancelar."),
        "it": Text("Eliminazione avviata", "Una delle tue identità verrà eliminata. Puoi ancora annullare."),
    },
    "DeletionProcessCancelledByOwner": {
        "en": Text("Deletion cancelled", "You have cancelled the deletion of your identity."),
        "de": Text("Löschung abgebrochen", "Sie haben die Löschung Ihrer Identität abgebrochen."),
        "pt": Text("Eliminação cancelada", "Cancelou a eliminação da sua identidade."),
        "it": Text("Eliminazione annullata", "Hai annullato l'eliminazione della tua identità."),
    },
    "DeletionProcessGracePeriodReminder": {
        "en": Text("Your identity will be deleted soon", "It is only a few days away. You can still cancel it."),
        "de": Text("Ihre Identität wird bald gelöscht", "In wenigen Tagen ist es so weit. Noch können Sie abbrechen."),
        "pt": Text("A sua identidade será eliminada em breve", "Faltam apenas alguns dias. Ainda pode cancelar."),
        "it": Text("La tua identità sarà presto eliminata", "Mancano solo pochi giorni. Puoi ancora annullare."),
    },
    "DeletionStarts": {
        "en": Text("Your identity is being deleted", "The waiting period is over, its data is being removed."),
        "de": Text("Ihre Identität wird gelöscht", "Die Wartezeit ist vorbei, ihre Daten werden jetzt entfernt."),
        "pt": Text("A sua identidade está a ser eliminada", "O prazo terminou e os dados estão a ser removidos."),
        "it": Text("La tua identità viene eliminata", "Il periodo di attesa è finito: i dati vengono rimossi."),
    },
    "BackupDeviceUsed": {
        "en": Text("Your backup was used", "Somebody has logged in with your recovery kit. Was it not you? Act now."),
        "de": Text("Ihr Backup wurde verwendet", "Jemand hat sich damit angemeldet. Waren Sie das nicht?"),
        "pt": Text("A sua cópia de segurança foi usada", "Alguém iniciou sessão com ela. Não foi você?"),
        "it": Text("Il tuo backup è stato usato", "Qualcuno ha effettuato l'accesso con esso. Non sei stato tu?"),
    },
    "TokenLocked": {
        "en": Text("A token was locked", "There were too many attempts with a wrong password."),
        "de": Text("Ein Token wurde gesperrt", "Es gab zu viele Versuche mit einem falschen Passwort."),
        "pt": Text("Um token foi bloqueado", "Houve demasiadas tentativas com uma palavra-passe errada."),
        "it": Text("Un token è stato bloccato", "Ci sono stati troppi tentativi con una password errata."),
    },
    "Test": {
        "en": Text("Test", "This is a test notification."),
        "de": Text("Test", "Das ist eine Testbenachrichtigung."),
        "pt": Text("Teste", "Esta é uma notificação de teste."),
        "it": Text("Prova", "Questa è una notifica di prova."),
    },
}
"""Every event has English and the same other languages."""
