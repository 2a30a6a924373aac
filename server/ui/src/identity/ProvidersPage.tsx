// The outside providers that people sign in by, as a page.
import { Page } from '../kit/panes';
import { Providers } from './Providers';

export default function ProvidersPage() {
  return <Page title="Providers" intro="Who is who is the pair of issuer and subject there, never a name; what they get here is what their groups are mapped to."><Providers /></Page>;
}
