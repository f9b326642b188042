"""QR codes (二维码管理, 材料一 6.2): issue, verify, draw, and authorise at the kiosk."""
