// A certified OpenID provider on a free port of loopback, for the tests of signing in. It says `up <issuer>` when it serves.
// Never: reached from elsewhere, or kept after its starter has gone (it ends with its standard input).
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [redirect, loggedOut] = process.argv.slice(2);
const people = {
  ana: { preferred_username: 'ana', email: 'ana@example.test', groups: ['idp-ops'] },
  ben: { preferred_username: 'ben', email: 'ben@example.test', groups: ['idp-admins'] },
};

const server = createServer();
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'legator', client_secret: 'hush-hush-hush-hush-hush-hush-32', redirect_uris: [redirect],
      backchannel_logout_uri: loggedOut, backchannel_logout_session_required: true,
      post_logout_redirect_uris: [], grant_types: ['authorization_code'], response_types: ['code'],
    }],
    cookies: { keys: ['only-for-tests'] },
    pkce: { required: () => true },
    scopes: ['openid', 'email', 'profile', 'groups'],
    claims: { openid: ['sub'], email: ['email'], profile: ['preferred_username'], groups: ['groups'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    // It keeps real networks from its clients' addresses; here both are on loopback.
    fetch: (url, { dispatcher: _, ...options }) => globalThis.fetch(url, options),
    features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true }, backchannelLogout: { enabled: true } },
  });
  server.on('request', provider.callback());
  console.log(`up ${issuer}`);
});
process.stdin.resume().on('end', () => process.exit(0));
