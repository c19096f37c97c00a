/*
 * fixture_ca.h - a certificate for tests: self-signed, its key thrown away.
 */
#ifndef WRIT_TESTS_FIXTURE_CA_H
#define WRIT_TESTS_FIXTURE_CA_H

static const char fixture_ca[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBeDCCAR+gAwIBAgIUJDG1moKHkqEBSmjqvvHoEnOOj30wCgYIKoZIzj0EAwIw\n"
    "EjEQMA4GA1UEAwwHdGVzdCBDQTAeFw0yNjExMjIwMDQ5MjFaFw0zNjExMTkwMDQ5\n"
    "MjFaMBIxEDAOBgNVBAMMB3Rlc3QgQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
    "AATF1kJ53/TjuClU90BO5wXkXQT+iwvb5VZvaUWVtNJQlhI6EsVN+fiLr+7UMCoi\n"
    "bd7ghQrCBJ2NGIJspbGRDrMOo1MwUTAdBgNVHQ4EFgQUxNKMa5Acb436yfdSN+9Y\n"
    "kkEQmAAwHwYDVR0jBBgwFoAUxNKMa5Acb436yfdSN+9YkkEQmAAwDwYDVR0TAQH/\n"
    "BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAnLlHG8YYY0ZtoziiGqRvBeLMfO4KY\n"
    "ZVKGE3uJzAjGdwIgTye1wv3ubtSHZpJb2bFVLaPRXeq5gdDyg/LtSlz4Cic=\n"
    "-----END CERTIFICATE-----\n";

#endif
