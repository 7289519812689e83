"""What providers' public documentation says of their SMPP, as values of a provider's keys: `preset: infobip`.

A preset fills what the file leaves out, key by key in a section, whole where a value is a list; the file's own words
and its `defaults` win. It never names a host, a login or a sender: those are yours. What the documentation leaves open
is left out here too, and so keeps its ordinary default. Each preset begins with its source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Value = str | int | float | bool | Sequence["Value"] | Mapping[str, "Value"]
"""A value as the file would have it."""

_GSM7: Value = {"name": "gsm7", "data_coding": 0}
_UCS2: Value = {"name": "ucs2", "data_coding": 8}
_LATIN1: Value = {"name": "latin1", "data_coding": 3}  # behind UCS-2, which fits every text: for those who ask for it
_PLAIN_NUMBERS: Mapping[str, Value] = {"source_ton": 0, "source_npi": 0, "dest_ton": 0, "dest_npi": 0}

PRESETS: Mapping[str, Mapping[str, Value]] = {
    # infobip.com/docs/essentials/api-essentials/smpp-specification and /glossary/ton-npi-settings
    "infobip": {
        "port": 8887,  # 8888 is the one without TLS
        "tls": True,
        "version": "3.4",  # "versions 3.3 and 5.0 are not supported"
        "encodings": [_GSM7, _UCS2, _LATIN1],
        "source_ton": "auto",  # short code 3/0, name 5/0, "+" 1/1
        "source_npi": "auto",
        "enquire_link": {"interval": "30s"},
    },
    # api.support.vonage.com articles 204015663 (receipts), 204015773 (deliver_sm_resp), help.nexmo.com 204015703 (rate)
    "vonage": {
        "message_id": {"submit": "hex", "receipt": "decimal"},  # unless the account is set up otherwise
        "max_rate": 30,
        "long_messages": "udh",
        "deliver_fail_status": "0x14",  # one of those after which Vonage tries again; 0x64 is not
    },
    # developers.sinch.com/docs/sms/smpp/connectivity and /send-message
    "sinch": {
        "port": 3601,
        "tls": True,  # there is no other
        "window": 10,
        "max_rate": 10,  # of one bind; there may be two
        "source_ton": "auto",  # name 5/0
        "source_npi": "auto",
    },
    # smsc.ru/api/smpp and smscentre.com/api/smpp: one connection per login, cut after 2 minutes of silence
    "smsc-ru": {
        "port": 3443,  # 3700 is the one without TLS
        "tls": True,
        "system_type": "",
        "source_ton": "auto",
        "source_npi": 1,  # a name is 5/1 here
        "dest_ton": 1,
        "dest_npi": 1,
        "enquire_link": {"interval": "60s"},
    },
    # docs.devino.online/0.2.0/en/smpp
    "devino": {
        "port": 2775,
        "version": "3.4",
        "system_type": "",
        "source_ton": "auto",
        "source_npi": 1,  # a name is 5/1 here
        "dest_ton": 1,
        "dest_npi": 1,
    },
    # smsaero.ru/description/smpp, and the provider's own client on PyPI, smsaero-smpp 1.0.1
    "sms-aero": {
        "port": 2775,
        "bind": "transceiver",
        "version": "3.4",
        "encodings": [_GSM7, _UCS2],
        "long_messages": "udh",
        "source_ton": "auto",
        "source_npi": 1,
        "dest_ton": 1,
        "dest_npi": 1,
    },
    # developer.bulksms.com/smpp (SMPP Tangerine); service_type "1", "2" or "3" chooses the routing group
    "bulksms": {
        "port": 3550,  # 2775 is the one without TLS
        "tls": True,
        "version": "3.4",
        "source_ton": "auto",  # name 5/0, number 1/1
        "source_npi": "auto",
        "dest_ton": 1,
        "dest_npi": 1,
        "long_messages": "udh",
        "errors": {"0x410": "no_credit", "0x412": "no_credit"},  # credits, quota; of SMPP Citron, the version before
    },
    # GatewayAPI's own documentation: github.com/onlinecity/gatewayapi-docs, docs/smpp.rst
    "gatewayapi": {
        "port": 8775,  # 2775 is the one without TLS
        "tls": True,
        "version": "3.4",
        "encodings": [
            {"name": "gsm7", "data_coding": 0, "flash_data_coding": 240},
            {"name": "ucs2", "data_coding": 8, "flash_data_coding": 24},
            _LATIN1,
        ],
        "long_messages": "payload",
    },
    # twilio.com/docs/smpp/key-concepts and /messaging-handling-and-delivery-receipts; the port comes with the account
    "twilio": {
        "tls": True,  # 1.2 or higher, by the host's name
        "enquire_link": {"interval": "60s", "when": "idle"},
        "dest_ton": 1,
        "dest_npi": 1,
        "number_format": "digits",
    },
    # apidocs.webcom.mobi/ru/smpp: enquire_link more often than every 10 s is refused
    "webcom": {
        "port": 2775,
        "version": "3.4",
        "system_type": "",
        "max_rate": 30,
        "encodings": [_GSM7, {"name": "ucs2", "data_coding": 2}, {"name": "latin1", "data_coding": 1}],
        "source_ton": 0,
        "source_npi": 0,
        "dest_ton": 1,
        "dest_npi": 1,
        "submit_timeout": "30s",
        "enquire_link": {"interval": "60s"},
    },
    # legacy-docs.seven.tech/v1/smpp/smpp-requirements: one session unless agreed otherwise
    "seventech": {
        "version": "3.4",
        "enquire_link": {"interval": "30s", "when": "always"},  # "with or without traffic"
    },
    # docs.smsportal.com/docs/smpp-usage and /smpp-connection: any other data_coding is refused, and so flash cannot be
    # asked for; such a message goes as an ordinary one
    "smsportal": {
        **_PLAIN_NUMBERS,
        "encodings": [
            {"name": "gsm7", "data_coding": 0, "flash_data_coding": 0},
            {"name": "ucs2", "data_coding": 8, "flash_data_coding": 8},
        ],
        "window": 10,
        "max_rate": 50,  # of one server
    },
    # developer-aggregation.vibes.com/reference/encoding-message-settings, the profile "ASCII default"
    "vibes": {
        **_PLAIN_NUMBERS,
        "version": "3.4",
        "system_type": "",
        "service_type": "",
        "encodings": [{"name": "gsm7", "data_coding": 4}, _UCS2],  # data_coding 0 is ASCII here
        "long_messages": "payload",
    },
}
