#!/bin/sh
# The office's own authority, and a certificate for its RabbitMQ server.
#
#     sh certificates.sh HOST FOLDER
#
# HOST: the server's name as it stands in the pool's URL (or its address). FOLDER gets
#     ca.pem          the authority: every PC needs it ([pool] ca = FILE); it is no secret
#     ca-key.pem      the authority's key: keep it, best elsewhere than on the server
#     server.pem      the server's certificate, for two years
#     server-key.pem  the server's key
# Run again, it makes a new certificate of the same authority, so that no PC needs anything new.
set -eu
umask 077
[ $# -eq 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
host=$1 folder=$2
case $host in
    *[!A-Za-z0-9.:-]* | '') echo "certificates.sh: $host is no name of a host" >&2; exit 2 ;;
    *:* | [0-9]*.[0-9]*.[0-9]*.*[0-9]) name=IP:$host ;;
    *) name=DNS:$host ;;
esac
mkdir -p "$folder"
cd "$folder"
if [ ! -e ca-key.pem ] || [ ! -e ca.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -keyout ca-key.pem -out ca.pem -subj "/CN=jobman authority of $host" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        2>/dev/null
    echo "made the authority: $folder/ca.pem"
fi
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout server-key.pem.new -out server.csr -subj "/CN=$host" 2>/dev/null
cat > server.ext <<EXT
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=$name
authorityKeyIdentifier=keyid
EXT
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca-key.pem -days 730 \
    -set_serial "0x$(openssl rand -hex 16)" -extfile server.ext -out server.pem.new 2>/dev/null
mv server-key.pem.new server-key.pem
mv server.pem.new server.pem
rm -f server.csr server.ext
chmod 0644 ca.pem server.pem
echo "made the certificate of $host: $folder/server.pem"
